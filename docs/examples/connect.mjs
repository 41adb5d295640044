// A client of the gateway: registers, lets its user sign in (OAuth 2.1 with PKCE), lists the tools
// and draws a picture.
//   npm install @modelcontextprotocol/client
//   npx node docs/examples/connect.mjs [endpoint]
import { once } from "node:events";
import { createServer } from "node:http";
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from "@modelcontextprotocol/client";

const endpoint = new URL(process.argv[2] ?? "http://localhost:8790/mcp");

// RFC 8252 7.3: a native app is redirected to any free port on loopback.
const callback = createServer().listen(0, "localhost");
await once(callback, "listening");
const { port } = /** @type {import("node:net").AddressInfo} */ (callback.address());
const redirectUrl = `http://localhost:${port}/callback`;

// In memory, so each run signs in again. Store `client` and `tokens` in a file to stay signed in.
/** @type {import("@modelcontextprotocol/client").OAuthClientInformationMixed | undefined} */
let client;
/** @type {import("@modelcontextprotocol/client").OAuthTokens | undefined} */
let tokens;
/** @type {import("@modelcontextprotocol/client").OAuthDiscoveryState | undefined} */
let discovery;
let verifier = "";

/** @type {import("@modelcontextprotocol/client").OAuthClientProvider} */
const authProvider = {
  redirectUrl,
  clientMetadata: { client_name: "My script", redirect_uris: [redirectUrl], token_endpoint_auth_method: "none" },
  clientInformation: () => client,
  saveClientInformation(information) {
    client = information;
  },
  tokens: () => tokens,
  saveTokens(saved) {
    tokens = saved;
  },
  codeVerifier: () => verifier,
  saveCodeVerifier(saved) {
    verifier = saved;
  },
  discoveryState: () => discovery,
  saveDiscoveryState(saved) {
    discovery = saved;
  },
  redirectToAuthorization(url) {
    console.log(`Open this address in a browser:\n${url}`);
  },
};
const createTransport = () => new StreamableHTTPClientTransport(endpoint, { authProvider });

const mcp = new Client({ name: "my-script", version: "1.0.0" }, { versionNegotiation: { mode: "auto" } });
const transport = createTransport();
try {
  await mcp.connect(transport);
} catch (error) {
  if (!(error instanceof UnauthorizedError)) throw error;
  const [request, response] = await once(callback, "request");
  response.setHeader("connection", "close").end("You can close this tab.");
  await transport.finishAuth(new URL(request.url, redirectUrl).searchParams);
  await mcp.connect(createTransport());
}
callback.close();

const { tools } = await mcp.listTools();
console.log(tools.map(({ name }) => name).join(" "));
const { structuredContent } = await mcp.callTool({
  name: "image_generate",
  arguments: { prompt: "A sailing boat at sunset" },
});
console.log(/** @type {{ url: string }} */ (structuredContent).url);
await mcp.close();
