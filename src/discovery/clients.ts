// Set-up of MCP clients for one endpoint: commands and files to paste, and links that install. The
// front page, `npm run connect` and docs/clients.md show this list.

/** A step of the set-up, in the order in which a person does them. */
export type SetupStep =
  | { readonly kind: "text"; readonly text: string }
  /** A command for a terminal. */
  | { readonly kind: "command"; readonly command: string }
  /** Content of a file that the client reads. */
  | { readonly kind: "file"; readonly path: string; readonly content: string };

/** An MCP client and the way to connect it. */
export interface ClientSetup {
  /** Short name for options and anchors. */
  readonly id: string;
  readonly name: string;
  /** True if the vendor's servers connect: they reach public https addresses only. */
  readonly isHosted: boolean;
  readonly steps: readonly SetupStep[];
  /** A link that opens the client and adds the endpoint; absent where the client has none. */
  readonly installUrl?: string;
}

/** The endpoint to connect, and its name in the client: letters, digits and hyphens. */
export interface EndpointName {
  readonly url: string;
  readonly name: string;
}

/** Every client that has a set-up of its own, in the order of the documentation. */
export function clientSetups(endpoint: EndpointName): readonly ClientSetup[] {
  return [...desktopClients(endpoint), ...hostedClients(endpoint), ...terminalClients(endpoint), ...tools(endpoint)];
}

/**
 * Ways to use the endpoint with `bearer`, an API key or an access token, which is filled in: shown
 * to its owner only. `bearer` has no character that a shell reads (`API_KEY_PATTERN`, RFC 7515).
 */
export function bearerSetups({ url, name }: EndpointName, bearer: string): readonly ClientSetup[] {
  const authorization = `Bearer ${bearer}`;
  return [
    {
      ...{ id: "script", name: "A script", isHosted: false },
      steps: [command(listCommand(url, bearer))],
    },
    {
      ...{ id: "claude-code", name: "Claude Code", isHosted: false },
      steps: [
        command(`claude mcp add --transport http ${name} ${wordOf(url)} --header "Authorization: ${authorization}"`),
      ],
    },
    {
      ...{ id: "cursor", name: "Cursor", isHosted: false },
      steps: [
        file("~/.cursor/mcp.json", { mcpServers: { [name]: { url, headers: { Authorization: authorization } } } }),
      ],
    },
    {
      ...{ id: "vscode", name: "VS Code", isHosted: false },
      steps: [
        file(".vscode/mcp.json", {
          servers: { [name]: { type: "http", url, headers: { Authorization: authorization } } },
        }),
      ],
    },
  ];
}

/** Lists the tools. `bearer`: the credential, or the shell's variable that has it. */
function listCommand(url: string, bearer: string): string {
  return (
    `curl ${wordOf(url)} -H "Authorization: Bearer ${bearer}" -H 'Content-Type: application/json' ` +
    `-d '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'`
  );
}

/** True if the vendors of hosted clients can reach this endpoint. */
export function isPublic(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  const isName = /\.[a-z][a-z0-9-]*$/.test(hostname); // an IP address may be of a private network
  return protocol === "https:" && isName && !/\.(?:arpa|internal|lan|local|localhost|test)$/.test(hostname);
}

function desktopClients({ url, name }: EndpointName): readonly ClientSetup[] {
  return [
    {
      ...{ id: "claude-code", name: "Claude Code", isHosted: false },
      steps: [
        command(`claude mcp add --transport http ${name} ${wordOf(url)}`),
        command(`claude mcp login ${name}`),
        text(`Or type /mcp in a session, choose ${name}, and choose Authenticate.`),
      ],
    },
    {
      ...{ id: "cursor", name: "Cursor", isHosted: false },
      installUrl: `cursor://anysphere.cursor-deeplink/mcp/install?${new URLSearchParams({ name, config: btoa(JSON.stringify({ url })) })}`,
      steps: [
        file("~/.cursor/mcp.json", { mcpServers: { [name]: { url } } }),
        text(`Then open Cursor's settings, find ${name} among the MCP servers, and connect it.`),
      ],
    },
    {
      ...{ id: "vscode", name: "VS Code", isHosted: false },
      installUrl: `vscode:mcp/install?${encodeURIComponent(JSON.stringify({ name, type: "http", url }))}`,
      steps: [
        file(".vscode/mcp.json", { servers: { [name]: { type: "http", url } } }),
        text("Then choose Start above the entry, and allow VS Code to sign in."),
      ],
    },
  ];
}

function hostedClients({ url }: EndpointName): readonly ClientSetup[] {
  return [
    {
      ...{ id: "claude", name: "Claude", isHosted: true },
      steps: [text(`Settings, Connectors, Add custom connector: enter ${url}, then choose Connect.`)],
    },
    {
      ...{ id: "chatgpt", name: "ChatGPT", isHosted: true },
      steps: [
        text("Turn on Developer mode: Settings, Connectors (or Apps), Advanced."),
        text(`Create a connector with the address ${url} and OAuth as authentication.`),
      ],
    },
  ];
}

function terminalClients({ url, name }: EndpointName): readonly ClientSetup[] {
  return [
    {
      ...{ id: "codex", name: "Codex", isHosted: false },
      steps: [command(`codex mcp add ${name} --url ${wordOf(url)}`), text("It opens the browser to sign in.")],
    },
    {
      ...{ id: "gemini", name: "Gemini CLI", isHosted: false },
      steps: [
        command(`gemini mcp add --scope user --transport http ${name} ${wordOf(url)}`),
        text(`Then type /mcp auth ${name} in a session, and confirm.`),
      ],
    },
    {
      ...{ id: "opencode", name: "opencode", isHosted: false },
      steps: [command(`opencode mcp add ${name} --url ${wordOf(url)}`), command(`opencode mcp auth ${name}`)],
    },
    {
      ...{ id: "copilot", name: "Copilot CLI", isHosted: false },
      steps: [
        command(`copilot mcp add --transport http ${name} ${wordOf(url)}`),
        text("Then start copilot: it opens the browser to sign in."),
      ],
    },
    {
      ...{ id: "qwen", name: "Qwen Code", isHosted: false },
      steps: [
        command(`qwen mcp add --transport http ${name} ${wordOf(url)}`),
        text(`Then type /mcp in a session, choose ${name}, and choose Authenticate.`),
      ],
    },
  ];
}

function tools({ url, name }: EndpointName): readonly ClientSetup[] {
  return [
    {
      ...{ id: "inspector", name: "MCP Inspector", isHosted: false },
      steps: [command(`npx @modelcontextprotocol/inspector --transport http --server-url ${wordOf(url)}`)],
    },
    {
      ...{ id: "mcp-remote", name: "mcp-remote", isHosted: false },
      steps: [
        text("For a client that starts programs only: mcp-remote signs in and passes messages on."),
        file("the client's configuration", { mcpServers: { [name]: { command: "npx", args: ["mcp-remote", url] } } }),
      ],
    },
    {
      ...{ id: "key", name: "A script with a key", isHosted: false },
      steps: [text(`Create an API key at ${new URL("/apps", url)}, then:`), command(listCommand(url, "$KEY"))],
    },
  ];
}

/** An address as one word of a command; a shell would change some characters of a query or path. */
function wordOf(url: string): string {
  return /^[\w%+=:,./-]*$/.test(url) ? url : `'${url.replaceAll("'", "%27")}'`;
}

function text(value: string): SetupStep {
  return { kind: "text", text: value };
}

function command(value: string): SetupStep {
  return { kind: "command", command: value };
}

function file(path: string, content: object): SetupStep {
  return { kind: "file", path, content: JSON.stringify(content, null, 2) };
}
