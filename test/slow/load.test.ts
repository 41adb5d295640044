// A load of mixed calls of several tenants through both entrances: good, wrong, repeated,
// cancelled. Afterwards every call has one answer, and books and records agree. LOAD_CALLS sets the
// number of calls, LOAD_SEED repeats a run.
import { beforeAll, expect, it } from "vitest";
import { CallLog, type CallToMake } from "../support/call-log.ts";
import { inconsistencies } from "../support/consistency.ts";
import { FAULTY_MAINS, FaultControl } from "../support/faults/control.ts";
import { SECRET_OF_ERRORS } from "../support/faults/messages.ts";
import { useIssuer } from "../support/issuer.ts";
import { accessTokenOf, connect } from "../support/mcp-clients.ts";

const CALLS = Number(process.env.LOAD_CALLS ?? 2_000);
const SEED = Number(process.env.LOAD_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** Calls under way at once. */
const CONCURRENCY = 32;
const OWNERS = 5;

// The faults stay away: their control shows the jobs, and lets leases and alarms run.
const issuer = useIssuer({ mains: FAULTY_MAINS });
const { system } = issuer;

/** Random numbers from 0 to 1, the same for each seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = randomFrom(SEED);
const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
const secrets = [SECRET_OF_ERRORS];
beforeAll(() => void secrets.push(...issuer.secrets));

/** A word of a user, which no log may have. */
function word(): string {
  const made = `melanoma${Math.floor(random() * 2 ** 40).toString(36)}x${secrets.length}`;
  secrets.push(made);
  return made;
}

type Wanted = Pick<CallToMake, "tool" | "input"> & Partial<CallToMake>;
const read = (): Wanted => ({ tool: "image_list_models", input: {} });
const create = (): Wanted => ({ tool: "flow_create", input: { projectDescription: word() } });
const draw = (): Wanted => ({ tool: "image_generate", input: { prompt: word(), quality_tier: "draft" } });
const key = () => ({ idempotencyKey: `key ${word()}` });
const twice = (wanted: Wanted) => [wanted, wanted];

/** Kinds of calls, with their share. Several calls of one kind are made at once. */
const KINDS: readonly (readonly [share: number, make: () => readonly Wanted[]])[] = [
  [40, () => [read()]],
  [12, () => [create()]],
  [4, () => [draw()]],
  [1, () => [{ ...draw(), input: { prompt: word(), quality_tier: "draft", wait: false } }]],
  [2, () => twice({ ...draw(), ...key() })],
  [4, () => twice({ ...create(), ...key() })],
  [3, () => twice(create())],
  [3, () => [{ ...draw(), isStreamed: true, disconnectAfterMs: 20 + random() * 400 }]],
  [4, () => [{ ...create(), disconnectAfterMs: random() * 60 }]],
  [3, () => [{ ...read(), isStreamed: true }]],
  [8, () => [{ tool: "flow_create", input: { projectDescription: 7, [word()]: word() } }]],
  [4, () => [{ tool: `none_${word()}`, input: {} }]],
  [6, () => [{ tool: "flow_status", input: { flowId: word() } }]],
  [6, () => [{ ...draw(), input: { prompt: word(), model: word() } }]],
];

/** One entry for each share. */
const SHARES = KINDS.flatMap(([share, make]) => Array<() => readonly Wanted[]>(share).fill(make));

it(`${CALLS} calls leave every ledger and every chain whole, and no word of a user anywhere`, async () => {
  const control = new FaultControl(system);
  const log = new CallLog(system);
  const visitor = await connect(system.origin, "modern");
  const users = await Promise.all(
    Array.from({ length: OWNERS }, async () => {
      const owner = await issuer.addOwner("enterprise");
      const { key: bearer } = await issuer.createKey(owner, ["read", "generate"]);
      secrets.push(owner.email, bearer);
      return { tenantId: owner.tenantId as string, bearer };
    }),
  );
  const token = accessTokenOf(visitor);
  const { tenantId } = await issuer.ownerOf(token);
  secrets.push(token, visitor.account.email, visitor.account.password);

  let made = 0;
  const work = async () => {
    while (made < CALLS) {
      const calls = pick(SHARES)();
      made += calls.length;
      const isVisitor = random() < 0.01;
      const user = isVisitor ? { tenantId, bearer: token } : pick(users);
      const needsMcp = isVisitor || calls.some(({ disconnectAfterMs, isStreamed }) => disconnectAfterMs ?? isStreamed);
      const entrance = needsMcp || random() < 0.6 ? "mcp" : "rpc";
      await Promise.all(calls.map((call) => log.make({ during: `seed ${SEED}`, ...call, ...user, entrance })));
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  await visitor.close();

  const outcomes = Map.groupBy(log.calls, ({ outcome }) => outcome);
  const counts = Object.fromEntries(Array.from(outcomes, ([outcome, calls]) => [outcome, calls.length]));
  console.info(JSON.stringify({ seed: SEED, seconds, ...counts }));
  const tenants = [tenantId, ...users.map((user) => user.tenantId)];
  expect(await inconsistencies({ system, control, tenants, calls: log.calls, secrets }), `seed ${SEED}`).toEqual([]);
}, 600_000);
