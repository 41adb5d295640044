// The operations that a call of each kind may take: the ninth goal of docs/performance.md, as its
// tests state it.

export const READ = { kvReads: 0, kvWrites: 0, objects: 0, auth: 0, ledger: 0, backends: 1, messages: 1 };
export const OPERATIONS = {
  known: READ,
  fresh: { ...READ, kvReads: 1, objects: 1, auth: 1 },
  change: { ...READ, objects: 2, messages: 2 },
  paid: { ...READ, objects: 3, auth: 1, ledger: 2, messages: 2 },
};
