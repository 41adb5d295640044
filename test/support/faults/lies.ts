// False replies of Workers that answer, made from the true ones.

/** By name; the value replaces the reply. */
export const LIES: Readonly<Record<string, (reply: unknown) => unknown>> = {
  nothing: () => undefined,
  html: () => "<html>502 Bad Gateway hunter2</html>",
  "an unlisted code": () => ({ ok: false, error: { code: "hunter2", message: "hunter2" } }),
  "an unlisted state": (reply) => withValue(reply, { status: "hunter2", state: "hunter2", isReserved: "hunter2" }),
  "another job": (reply) => withValue(reply, { job_id: crypto.randomUUID() }),
  "another user": (reply) => withValue(reply, { userId: "another-user-id-0123456789" }),
  "nothing reserved": (reply) => withValue(reply, { isReserved: false }),
  "a wrong balance": (reply) => withBalance(reply, { allowance: 1, committed: -7, reserved: 400, available: 9_000 }),
  "an unknown reservation": (reply) => withValue(reply, { state: "unknown" }),
  refunded: (reply) => withValue(reply, { state: "refunded" }),
  "no such key": () => null,
};

function withValue(reply: unknown, changes: object): unknown {
  const { value, ...rest } = reply as { readonly value?: object };
  return { ...rest, value: { ...value, ...changes } };
}

function withBalance(reply: unknown, changes: object): unknown {
  const { value } = reply as { readonly value?: { readonly balance?: object } };
  return withValue(reply, { balance: { ...value?.balance, ...changes } });
}
