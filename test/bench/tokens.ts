// Access tokens for the benchmark, made by the gateway's own authorization server in `workers/issuer.ts`.
import type { Tokens } from "./series.ts";
import type { Server } from "./server.ts";

const CROWD = 1_000;
/** How many are asked for at once. */
const BATCH = 250;

/** A known token, those of a crowd, and `fresh` ones that nobody has used. */
export async function makeTokens({ ports }: Server, fresh: number): Promise<Tokens> {
  const users = Array.from({ length: 1 + CROWD + fresh }, (_, at) => `u_${at}`);
  const made: string[] = [];
  for (let at = 0; at < users.length; at += BATCH) {
    const body = JSON.stringify(users.slice(at, at + BATCH));
    const answer = await fetch(`http://127.0.0.1:${ports.get("issuer")}/`, { method: "POST", body });
    if (!answer.ok) throw new Error(`No tokens: ${answer.status} ${await answer.text()}`);
    made.push(...((await answer.json()) as string[]));
  }
  const [known = "", ...rest] = made;
  const unused = rest.slice(CROWD);
  return {
    known,
    crowd: rest.slice(0, CROWD),
    fresh() {
      const token = unused.pop();
      if (token === undefined) throw new Error("All tokens have been used.");
      return token;
    },
  };
}

/** What the store holds about a token, its grant included. */
export async function entriesOf({ ports }: Server, token: string): Promise<[string, string][]> {
  const about = token.split(":").slice(0, 2).join(":");
  const answer = await fetch(`http://127.0.0.1:${ports.get("storage")}/entries?about=${encodeURIComponent(about)}`);
  return (await answer.json()) as [string, string][];
}
