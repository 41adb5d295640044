// Access tokens for the benchmark, issued by the gateway's own authorization server in
// `workers/issuer.ts`.
import type { Tokens } from "./series.ts";
import type { Server } from "./server.ts";

/** Users of the series that shows what many users cost. */
const USERS = 1_000;
/** Tokens in one request to the issuer. */
const BATCH = 250;

/** One known token, tokens of many users, and `fresh` unused ones, from the gateway's issuer. */
export async function makeTokens({ ports }: Server, fresh: number, userCount = USERS): Promise<Tokens> {
  const users = Array.from({ length: 1 + userCount + fresh }, (_, at) => `u_${at}`);
  const made: string[] = [];
  for (let at = 0; at < users.length; at += BATCH)
    made.push(...(await issue(ports.get("issuer"), users.slice(at, at + BATCH))));
  const [known = "", ...rest] = made;
  const unused = { gateway: rest.slice(userCount), stored: rest.slice(userCount) };
  return {
    known,
    users: rest.slice(0, userCount),
    fresh(at) {
      const token = unused[at].pop();
      if (token === undefined) throw new Error("All tokens have been used.");
      return token;
    },
  };
}

/** Tokens for `users`, of the Worker at this port. */
export async function issue(port: number | undefined, users: readonly string[]): Promise<string[]> {
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: JSON.stringify(users) });
  if (!response.ok) throw new Error(`No tokens: ${response.status} ${await response.text()}`);
  return (await response.json()) as string[];
}

/** The KV entries of a token and of its grant. */
export async function entriesOf({ ports }: Server, token: string): Promise<[string, string][]> {
  const about = token.split(":").slice(0, 2).join(":");
  const response = await fetch(`http://127.0.0.1:${ports.get("storage")}/entries?about=${encodeURIComponent(about)}`);
  return (await response.json()) as [string, string][];
}
