// `npm run dev`: start, use and abuse, stop, start again. In a copy of the repository, because it
// makes secrets and a test breaks a file.
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { APPLIED } from "../../entrypoints/cli/migrations.ts";
import { originOf, type Running, startDev, stop } from "../support/local-dev.ts";
import { copyRepository, removeCopy } from "../support/repository-copy.ts";

const copy = copyRepository();
const state = path.join(copy, ".state");
const started: Running[] = [];
/** For a test that starts the system, which takes a minute on a busy machine. */
const START_MS = 120_000;

function dev(...args: string[]): Running {
  const running = startDev(copy, ...args);
  started.push(running);
  return running;
}

afterAll(async () => {
  for (const { child } of started) child.kill("SIGTERM");
  await Promise.all(started.map(({ ended }) => ended));
  removeCopy(copy);
});

const FORM = "application/x-www-form-urlencoded";
const ENDPOINTS = [
  ...[["/token", FORM] as const, ["/register", "application/json"] as const, ["/mcp", "application/json"] as const],
  ...[["/login", FORM] as const, ["/signup", FORM] as const, ["/authorize", FORM] as const],
];

describe("the system", () => {
  let running: Running;
  let origin: string;
  const health = async () => (await fetch(`${origin}/health`)).json() as Promise<{ status: string }>;

  it(
    "starts on a free port and serves its own origin",
    async () => {
      running = dev("--port", "0", "--persist-to", state);
      origin = await originOf(running);
      expect(running.output()).toContain("Preparing the database.");
      expect(running.output()).toContain(`claude mcp add --transport http stackbilt ${origin}/mcp`);
      const metadata = await fetch(`${origin}/.well-known/oauth-authorization-server`);
      expect(await metadata.json()).toMatchObject({ issuer: origin });
    },
    START_MS,
  );

  it("continues after bodies of 200 KB that it refuses", async () => {
    for (const [route, type] of ENDPOINTS) {
      const init = { method: "POST", headers: { "Content-Type": type }, body: "x".repeat(200_000) };
      const response = await fetch(origin + route, init);
      expect([route, response.status]).toEqual([route, route === "/mcp" ? 401 : 413]);
      await response.arrayBuffer();
    }
    expect(await health()).toMatchObject({ status: "ok" });
  });

  it("continues after uploads that hang up, without a word of an error", async () => {
    const { port } = new URL(origin);
    const before = running.output().length;
    for (const [route, type] of ENDPOINTS) {
      for (const length of ["Content-Length: 5000", "Transfer-Encoding: chunked"]) {
        const socket = connect(Number(port), "localhost");
        await once(socket, "connect");
        socket.write(
          `POST ${route} HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: ${type}\r\n${length}\r\n\r\n5\r\naaaaa\r\n`,
        );
        await sleep(100); // for the Worker to begin to read
        socket.destroy();
      }
    }
    await expect.poll(health).toMatchObject({ status: "ok" });
    await sleep(500); // for what is logged late
    expect(running.output().slice(before)).not.toMatch(/error|crashed/i);
  });

  it("continues after a saved syntax error with the next good save", async () => {
    const file = path.join(copy, "entrypoints/gateway/health.ts");
    const good = readFileSync(file, "utf8");
    const before = running.output().length;
    writeFileSync(file, `const = ;\n${good}`);
    await expect.poll(() => running.output().slice(before)).toMatch(/✘ Expected identifier/);
    expect(await health(), "the last good code").toMatchObject({ status: "ok" });
    writeFileSync(file, good.replace('status: "ok"', 'status: "mended"'));
    await expect.poll(health).toMatchObject({ status: "mended" });
    writeFileSync(file, good);
  });

  it("refuses a second start with the same state in one sentence, also on another port", async () => {
    const { port } = new URL(origin);
    const refused = dev("--port", "0", "--persist-to", state, "--fresh");
    expect(await refused.ended).toBe(1);
    expect(refused.output().trim()).toMatch(
      new RegExp(
        `^\`npm run dev\` runs already, on port ${port} with the state in .*: stop it, or .* --persist-to .*\\.$`,
      ),
    );
    expect((await fetch(`${origin}/health`)).status).toBe(200);
  });

  it(
    "stops on Ctrl-C, and keeps its state for the next start",
    async () => {
      expect(await stop(running)).toBe(0);
      await expect(fetch(`${origin}/health`)).rejects.toThrow();
      const generated = `entrypoints/auth/local-${new URL(origin).port}.generated.toml`;
      expect(existsSync(path.join(copy, generated))).toBe(false);
      const second = dev("--port", "0", "--persist-to", state);
      await originOf(second);
      expect(second.output()).not.toContain("Preparing the database.");
      expect(await stop(second)).toBe(0);
    },
    START_MS,
  );

  it(
    "deletes the state with --fresh, and nothing else in its folder",
    async () => {
      const fresh = dev("--port", "0", "--persist-to", state, "--fresh");
      await originOf(fresh);
      expect(fresh.output()).toContain("Deleting the local state.");
      expect(fresh.output()).toContain("Preparing the database.");
      await stop(fresh);
      expect(existsSync(path.join(state, APPLIED))).toBe(true);
    },
    START_MS,
  );
});

it("reports a port in use in one sentence, with the option that chooses another", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const refused = dev("--port", `${port}`);
  expect(await refused.ended).toBe(1);
  expect(refused.output().trim()).toBe(
    `Port ${port} is in use: stop the program that listens there, or choose another port with \`npm run dev -- --port ${port + 1}\`.`,
  );
  server.close();
});
