// The documents' examples, run: each command goes to a whole system, for a person who signed up, and what comes back is what the document
// shows; so do scripts of which is shown what they print. An example that cannot be read, or that shows no answer, fails as well.
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Scope } from "../../contracts/rpc/identity.ts";
import { DEFAULT_ORIGIN, ROOT } from "../../entrypoints/cli/workers.ts";
import {
  type Answer,
  commandOf,
  differences,
  type Example,
  examplesIn,
  isLogged,
  namesIn,
  scriptsIn,
  variablesIn,
} from "../support/examples.ts";
import { exhaust } from "../support/exhaust-limit.ts";
import { useIssuer } from "../support/issuer.ts";
import { connect } from "../support/mcp-clients.ts";
import { newAccount, Person } from "../support/user.ts";

/** Those that are known to have examples. */
const DOCUMENTS = ["README.md", "docs/api-reference.md", "docs/local-development.md", "docs/user-guide.md"];

type Rights = [scopes: readonly Scope[], environment?: "live" | "test"];

const issuer = useIssuer();
const { system } = issuer;

const documents = readdirSync(path.join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".md"))
  .map((file) => path.join("docs", file));
const read = ["README.md", ...documents].map(
  (file) => [file, examplesIn(readFileSync(path.join(ROOT, file), "utf8"))] as const,
);

/** What a reader has at hand, by the names in the documents: made when it is needed. `seen`: what answers have told so far. */
function readerOf(origin: string): Readonly<Record<string, (seen: ReadonlyMap<string, string>) => Promise<string>>> {
  const verifier = "a".repeat(43);
  const somebody = async () => {
    const { auth, close } = await connect(origin, "modern");
    await close();
    const token = auth.saved?.access_token ?? "";
    return { token, owner: await issuer.ownerOf(token) };
  };
  let reader: ReturnType<typeof somebody> | undefined;
  const me = () => {
    reader ??= somebody();
    return reader;
  };
  const myKey = async (...[scopes, environment]: Rights) =>
    (await issuer.createKey((await me()).owner, scopes, environment)).key;
  const strangersKey = async () => {
    const { owner } = await somebody();
    return { owner, ...(await issuer.createKey(owner, ["read", "generate"])) };
  };
  return {
    TOKEN: async () => (await me()).token,
    KEY: () => myKey(["read", "generate"]),
    READ_KEY: () => myKey(["read"]),
    TEST_KEY: () => myKey(["read", "generate"], "test"),
    VERIFIER: async () => verifier,
    async UNPAID_KEY() {
      const { key, owner } = await strangersKey();
      await (await issuer.db()).prepare("UPDATE tenants SET is_delinquent = 1 WHERE id = ?").bind(owner.tenantId).run();
      return key;
    },
    async BUSY_KEY() {
      let key = "";
      const use = async () => {
        key ||= (await strangersKey()).key;
        const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
        return system.fetch("/mcp", {
          method: "POST",
          headers,
          body: '{"jsonrpc":"2.0","id":1,"method":"completion/complete"}',
        });
      };
      // The minute is to last until the key is used.
      do await exhaust(() => use);
      while (Date.now() % 60_000 > 58_000);
      return key;
    },
    async CODE(seen) {
      const challenge = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
      const query = new URLSearchParams({
        response_type: "code",
        client_id: seen.get("CLIENT_ID") ?? "",
        redirect_uri: "http://localhost:33418/callback",
        code_challenge: Buffer.from(challenge).toString("base64url"),
        code_challenge_method: "S256",
        scope: "read generate",
        state: "s",
        resource: `${origin}/mcp`,
      });
      const back = await new Person().authorize(`${origin}/authorize?${query}`, newAccount());
      return back.searchParams.get("code") ?? "";
    },
  };
}

/** Runs the examples of a document one after the other, as a reader would. Answers what is not as it is shown. */
async function wrongIn(examples: readonly Example[]): Promise<string[]> {
  const { origin } = system;
  const reader = readerOf(origin);
  const made = new Map<string, string>();
  const seen = new Map<string, string>();
  const wrong: string[] = [];
  for (const example of examples) {
    const complain = (problem: string) => wrong.push(`line ${example.command.line}: ${problem}`);
    try {
      for (const name of variablesIn(example.command)) {
        const value = made.get(name) ?? (await reader[name]?.(seen));
        if (value !== undefined) made.set(name, value);
      }
      const { answer, logs } = await run(example, new Map([...seen, ...made]), complain);
      for (const [name, value] of namesIn(answer)) seen.set(name, value);
      const { logged } = example;
      if (logged)
        await expect
          .poll(() => logs().some((line) => isLogged(logged, line, origin)), {
            timeout: 5_000,
            message: "the log has no such line",
          })
          .toBe(true);
    } catch (error) {
      complain(error instanceof Error ? error.message : String(error));
    }
  }
  return wrong;
}

async function run(
  { command: block, answer: shown }: Example,
  variables: ReadonlyMap<string, string>,
  complain: (problem: string) => void,
) {
  const { origin } = system;
  const command = commandOf({ ...block, text: block.text.replaceAll(DEFAULT_ORIGIN, origin) }, variables);
  const { url, method, headers, body } = command;
  const before = system.logs().length;
  const response = await system.fetch(url, {
    method,
    headers,
    redirect: "manual",
    ...(body !== undefined && { body }),
  });
  const { status, statusText } = response;
  const answer: Answer = { status, statusText, headers: response.headers, text: await response.text() };
  if (shown === null) complain("shows no answer");
  else for (const difference of differences(shown, command, answer, origin)) complain(difference);
  return { answer, logs: () => system.logs().slice(before) };
}

describe("the examples of", () => {
  it.each(read.filter(([file, { examples }]) => examples.length > 0 || DOCUMENTS.includes(file)))(
    "%s are answered as they are shown",
    async (_, { examples }) => {
      expect(examples.length).toBeGreaterThan(0);
      expect(await wrongIn(examples)).toEqual([]);
    },
  );
});

it("the scripts of the user guide print what is shown", async () => {
  const scripts = scriptsIn(readFileSync(path.join(ROOT, "docs/user-guide.md"), "utf8"));
  expect(scripts.length).toBeGreaterThan(0);
  // Inside the repository, where Node finds its packages.
  const folder = mkdtempSync(path.join(ROOT, ".test/script-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const key = await readerOf(system.origin).READ_KEY?.(new Map());
  for (const { script, printed } of scripts) {
    const file = path.join(folder, "script.mjs");
    writeFileSync(file, script.text.replaceAll(DEFAULT_ORIGIN, system.origin));
    const { stdout } = await promisify(execFile)(process.execPath, [file], { env: { ...process.env, KEY: key } });
    expect(stdout.trim()).toBe(printed.text);
  }
});

it("no answer stands in a document without its command", () => {
  expect(read.flatMap(([file, { alone }]) => alone.map(({ line }) => `${file}:${line}`))).toEqual([]);
});

describe("an example is refused", () => {
  const block = (text: string, language = "sh") => ({ language, text, line: 1 });
  const variables = new Map([["TOKEN", "secret"]]);

  it.each([
    "TOKEN=1 curl http://localhost:8976/health",
    "curl http://localhost:8976/health | jq .",
    "curl http://localhost:8976/health\ncurl http://localhost:8976/health",
    "curl --fail http://localhost:8976/health",
    "curl http://localhost:8976/mcp -d @message.json",
    'curl http://localhost:8976/mcp -H "Authorization: Bearer $(cat token)"',
    'curl http://localhost:8976/mcp -H "Authorization: Bearer $NOBODY"',
    "curl http://localhost:8976/mcp -H",
    "curl -s",
  ])("that cannot be read: %s", (text) => {
    expect(() => commandOf(block(text), variables)).toThrow();
  });

  it("but read as a shell and curl would", () => {
    const text = `curl -si http://localhost:8976/mcp -H "A: \\"$TOKEN\\"" \\\n  -d 'a=$TOKEN'"'"$TOKEN --data-urlencode 'b=c d' -u me:$TOKEN`;
    const { headers, ...command } = commandOf(block(text), variables);
    expect(command).toEqual({
      url: "http://localhost:8976/mcp",
      method: "POST",
      body: "a=$TOKEN'secret&b=c%20d",
      showsHead: true,
    });
    expect(Object.fromEntries(headers)).toEqual({
      a: '"secret"',
      authorization: `Basic ${btoa("me:secret")}`,
      "content-type": "application/x-www-form-urlencoded",
    });
  });

  const CAME = '{"id":"0f0e0d0c-0b0a-4909-8807-060504030201","name":"sdxl","list":[{"width":1},{"width":2}],"size":7}';
  const wrongWith = (shown: string, language = "json") => {
    const answer = {
      status: 200,
      statusText: "OK",
      headers: new Headers({ "content-type": "application/json" }),
      text: CAME,
    };
    const command = commandOf(block(`curl ${language === "http" ? "-i " : ""}http://localhost:8976/`), variables);
    return differences(block(shown, language), command, answer, "http://127.0.0.1:1");
  };

  it.each([
    ["another value", CAME.replace("sdxl", "sdxm")],
    ["another name", CAME.replace("name", "title")],
    ["a field that does not come", CAME.replace('"size"', '"more":1,"size"')],
    ["a field that is not shown", CAME.replace(',"size":7', "")],
    ["an element too few", CAME.replace(',{"width":2}', "")],
    ["another kind of what is another each time", CAME.replace('"size":7', '"size":"7"')],
    ["no id where one comes", CAME.replace(/"0f[^"]*"/, '"id"')],
    ["no JSON", "{"],
    ["a status", `HTTP/1.1 201 Created\n…\n\n${CAME}`, "http"],
    ["a header", `HTTP/1.1 200 OK\nETag: 1\n…\n\n${CAME}`, "http"],
    ["too few headers", `HTTP/1.1 200 OK\n\n${CAME}`, "http"],
    ["another kind of answer", CAME, "text"],
  ])("that shows %s", (_, shown, language?: string) => {
    expect(wrongWith(shown, language)).not.toEqual([]);
  });

  it.each([
    ["all of it, with another id and size", CAME.replace("0f0e", "aaaa").replace("7", "8")],
    ["more of an object", '{"id":"…","name":"s…l",…}'],
    ["more of a list", '{"id":"…","name":"…","list":[…,{"width":2}],"size":"…"}'],
    ["a status and the body", `HTTP/1.1 200 OK\n…\n\n${CAME}`, "http"],
  ])("but not one that shows %s", (_, shown, language?: string) => {
    expect(wrongWith(shown, language)).toEqual([]);
  });
});
