// The examples of the documents. Each `curl` command is sent to a whole system, for a signed-in
// user, and the response must be the one that the document shows. Programs of docs/examples run
// and must print what is shown. An example that cannot be parsed, or shows no response, fails.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Scope } from "../../contracts/rpc/identity.ts";
import { configured, DEFAULT_ORIGIN, ROOT, settingOf } from "../../entrypoints/cli/workers.ts";
import {
  commandOf,
  differences,
  type Example,
  examplesIn,
  isLogged,
  isPrinted,
  namesIn,
  programsIn,
  type Received,
  variablesIn,
} from "../support/examples.ts";
import { useIssuer } from "../support/issuer.ts";
import { connect } from "../support/mcp-clients.ts";
import { newAccount, User } from "../support/user.ts";

/** Documents that must have examples. */
const WITH_EXAMPLES = ["README.md", "docs/api-reference.md", "docs/clients.md", "docs/local-development.md"];

const issuer = useIssuer();
const { system } = issuer;

const files = readdirSync(path.join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".md"))
  .map((file) => path.join("docs", file));
const documents = ["README.md", "CONTRIBUTING.md", ...files].map(
  (file) => [file, readFileSync(path.join(ROOT, file), "utf8")] as const,
);
const withExamples = documents.map(([file, text]) => [file, examplesIn(text)] as const);

/** Makes the value of a variable. `seen`: the strings in earlier responses, by name. */
type Variable = (seen: ReadonlyMap<string, string>) => Promise<string>;

/** The variables of the documents, each made when an example needs it, for one reader. */
function variablesOf(origin: string): Readonly<Record<string, Variable>> {
  const verifier = "a".repeat(43);
  const signUp = async () => {
    const { auth, close } = await connect(origin, "modern");
    await close();
    const token = auth.saved?.access_token ?? "";
    return { token, owner: await issuer.ownerOf(token) };
  };
  let reader: ReturnType<typeof signUp> | undefined;
  const theReader = () => {
    reader ??= signUp();
    return reader;
  };
  const keyOf = async ({ owner }: Awaited<ReturnType<typeof signUp>>, scopes: readonly Scope[]) =>
    (await issuer.createKey(owner, scopes)).key;
  return {
    TOKEN: async () => (await theReader()).token,
    KEY: async () => keyOf(await theReader(), ["read", "generate"]),
    READ_KEY: async () => keyOf(await theReader(), ["read"]),
    VERIFIER: async () => verifier,
    CODE: (seen) => authorizationCode(origin, seen.get("CLIENT_ID") ?? "", verifier),
  };
}

/** The code that a new user's approval gives to the client. */
async function authorizationCode(origin: string, clientId: string, verifier: string): Promise<string> {
  const challenge = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const query = new URLSearchParams({
    response_type: "code",
    client_id: clientId,
    redirect_uri: "http://localhost:33418/callback",
    code_challenge: Buffer.from(challenge).toString("base64url"),
    code_challenge_method: "S256",
    scope: "read generate",
    state: "s",
    resource: `${origin}/mcp`,
  });
  const redirect = await new User().authorize(`${origin}/authorize?${query}`, newAccount());
  return redirect.searchParams.get("code") ?? "";
}

/** Runs the examples of a document in order, as a reader would. Returns every difference. */
async function problemsIn(examples: readonly Example[]): Promise<string[]> {
  const { origin } = system;
  const variables = variablesOf(origin);
  const made = new Map<string, string>();
  const seen = new Map<string, string>();
  const problems: string[] = [];
  for (const example of examples) {
    const report = (problem: string) => problems.push(`line ${example.command.line}: ${problem}`);
    try {
      for (const name of variablesIn(example.command)) {
        const value = made.get(name) ?? (await variables[name]?.(seen));
        if (value !== undefined) made.set(name, value);
      }
      const { received, logs } = await run(example, new Map([...seen, ...made]), report);
      for (const [name, value] of namesIn(received)) seen.set(name, value);
      const { logged } = example;
      if (logged)
        await expect
          .poll(() => logs().some((line) => isLogged(logged, line, origin)), {
            timeout: 5_000,
            message: "the log has no such line",
          })
          .toBe(true);
    } catch (error) {
      report(error instanceof Error ? error.message : String(error));
    }
  }
  return problems;
}

async function run(
  { command: block, response: shown }: Example,
  variables: ReadonlyMap<string, string>,
  report: (problem: string) => void,
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
  const received: Received = { status, statusText, headers: response.headers, text: await response.text() };
  if (shown === null) report("shows no response");
  else for (const difference of differences(shown, command, received, origin)) report(difference);
  return { received, logs: () => system.logs().slice(before) };
}

/** The output of a program. A user signs in at the authorization URL that it prints, if it does. */
async function outputOf(file: string, key: string): Promise<string> {
  const args = [path.join(ROOT, file), `${system.origin}/mcp`];
  const child = spawn(process.execPath, args, { env: { ...process.env, KEY: key }, stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill());
  const exited = once(child, "exit");
  let output = "";
  let errors = "";
  let isSignedIn = false;
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk));
  for await (const chunk of child.stdout) {
    output += chunk;
    const url = /^http\S+\/authorize\?\S+$/m.exec(output)?.[0];
    if (url === undefined || isSignedIn) continue;
    isSignedIn = true;
    await fetch(await new User().authorize(url, newAccount()));
  }
  const [status] = await exited;
  if (status !== 0) throw new Error(`${file} ended with ${status}: ${errors}`);
  return output;
}

describe("the examples of", () => {
  it.each(withExamples.filter(([file, { examples }]) => examples.length > 0 || WITH_EXAMPLES.includes(file)))(
    "%s get the response that is shown",
    { timeout: 180_000 }, // a whole document
    async (_, { examples }) => {
      expect(examples.length).toBeGreaterThan(0);
      expect(await problemsIn(examples)).toEqual([]);
    },
  );
});

describe("the programs of docs/examples", () => {
  const programs = documents.flatMap(([document, text]) =>
    programsIn(text).map(({ file, output }) => [file, document, output] as const),
  );

  it("are each shown in a document", () => {
    const all = readdirSync(path.join(ROOT, "docs/examples")).filter((file) => file.endsWith(".mjs"));
    expect(programs.map(([file]) => file).toSorted()).toEqual(all.map((file) => `docs/examples/${file}`));
  });

  it.each(programs)("%s prints what %s shows", async (file, _, output) => {
    const key = (await variablesOf(system.origin).READ_KEY?.(new Map())) ?? "";
    const printed = await outputOf(file, key);
    expect(isPrinted(output, printed, system.origin), printed).toBe(true);
  });

  it("have a sibling with the gateway's compatibility date and the binding that the reference shows", () => {
    const config = readFileSync(path.join(ROOT, "docs/examples/sibling/wrangler.toml"), "utf8");
    expect(settingOf(config, "compatibility_date")).toBe(configured("gateway", "compatibility_date"));
    const reference = readFileSync(path.join(ROOT, "docs/api-reference.md"), "utf8");
    const binding = config.slice(config.indexOf("[[services]]"));
    expect(reference).toContain(`\n${binding}\`\`\`\n`);
  });
});

it("every response in a document follows its command", () => {
  expect(withExamples.flatMap(([file, { orphans }]) => orphans.map(({ line }) => `${file}:${line}`))).toEqual([]);
});

describe("an example", () => {
  const block = (text: string, language = "sh") => ({ language, text, line: 1 });
  const variables = new Map([["TOKEN", "secret"]]);

  it.each([
    "TOKEN=1 curl http://localhost:8790/health",
    "curl http://localhost:8790/health | jq .",
    "curl http://localhost:8790/health\ncurl http://localhost:8790/health",
    "curl --fail http://localhost:8790/health",
    "curl http://localhost:8790/mcp -d @message.json",
    'curl http://localhost:8790/mcp -H "Authorization: Bearer $(cat token)"',
    'curl http://localhost:8790/mcp -H "Authorization: Bearer $UNKNOWN"',
    "curl http://localhost:8790/mcp -H",
    "curl -s",
  ])("is refused if its syntax is not supported: %s", (text) => {
    expect(() => commandOf(block(text), variables)).toThrow();
  });

  it("is parsed as a shell and curl would", () => {
    const text = `curl -si http://localhost:8790/mcp -H "A: \\"$TOKEN\\"" \\\n  -d 'a=$TOKEN'"'"$TOKEN --data-urlencode 'b=c d' -u me:$TOKEN`;
    const { headers, ...command } = commandOf(block(text), variables);
    expect(command).toEqual({
      url: "http://localhost:8790/mcp",
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

  const RECEIVED =
    '{"id":"0f0e0d0c-0b0a-4909-8807-060504030201","name":"sdxl","list":[{"width":1},{"width":2}],"size":7}';
  const differencesWith = (shown: string, language = "json") => {
    const received = {
      status: 200,
      statusText: "OK",
      headers: new Headers({ "content-type": "application/json" }),
      text: RECEIVED,
    };
    const command = commandOf(block(`curl ${language === "http" ? "-i " : ""}http://localhost:8790/`), variables);
    return differences(block(shown, language), command, received, "http://127.0.0.1:1");
  };

  it.each([
    ["another value", RECEIVED.replace("sdxl", "sdxm")],
    ["another name", RECEIVED.replace("name", "title")],
    ["a field that was not received", RECEIVED.replace('"size"', '"more":1,"size"')],
    ["a field that is not shown", RECEIVED.replace(',"size":7', "")],
    ["one element less", RECEIVED.replace(',{"width":2}', "")],
    ["another kind of a value that changes", RECEIVED.replace('"size":7', '"size":"7"')],
    ["no id in place of one", RECEIVED.replace(/"0f[^"]*"/, '"id"')],
    ["no JSON", "{"],
    ["a status", `HTTP/1.1 201 Created\n…\n\n${RECEIVED}`, "http"],
    ["a header", `HTTP/1.1 200 OK\nETag: 1\n…\n\n${RECEIVED}`, "http"],
    ["too few headers", `HTTP/1.1 200 OK\n\n${RECEIVED}`, "http"],
    ["another content type", RECEIVED, "text"],
  ])("is refused if it shows %s", (_, shown, language?: string) => {
    expect(differencesWith(shown, language)).not.toEqual([]);
  });

  it.each([
    ["everything, with another id and size", RECEIVED.replace("0f0e", "aaaa").replace("7", "8")],
    ["more of an object", '{"id":"…","name":"s…l",…}'],
    ["more of a list", '{"id":"…","name":"…","list":[…,{"width":2}],"size":"…"}'],
    ["a status and the body", `HTTP/1.1 200 OK\n…\n\n${RECEIVED}`, "http"],
  ])("is accepted if it shows %s", (_, shown, language?: string) => {
    expect(differencesWith(shown, language)).toEqual([]);
  });
});
