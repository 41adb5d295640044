// The MCP client of the AI SDK: signs in through the program in BROWSER, lists the tools, calls one
// and prints what a model would get. Runs in a folder with @ai-sdk/mcp and ai.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { auth, createMCPClient } from "@ai-sdk/mcp";

const url = process.argv[2];
const server = createServer();
await once(server.listen(0, "127.0.0.1"), "listening");
const redirectUrl = `http://127.0.0.1:${server.address().port}/callback`;
const saved = {};
const authProvider = {
  redirectUrl,
  clientMetadata: { client_name: "AI SDK", redirect_uris: [redirectUrl], token_endpoint_auth_method: "none" },
  clientInformation: () => saved.client,
  saveClientInformation: (client) => Object.assign(saved, { client }),
  tokens: () => saved.tokens,
  saveTokens: (tokens) => Object.assign(saved, { tokens }),
  codeVerifier: () => saved.verifier,
  saveCodeVerifier: (verifier) => Object.assign(saved, { verifier }),
  state: () => (saved.state ??= crypto.randomUUID()),
  storedState: () => saved.state,
  redirectToAuthorization: (address) => spawn(process.env.BROWSER, [address.href], { stdio: "ignore" }),
};
const redirected = once(server, "request");
await auth(authProvider, { serverUrl: url });
const [request, response] = await redirected;
response.end("Back to the program.");
server.close();
const parameters = new URL(request.url, url).searchParams;
const answer = { authorizationCode: parameters.get("code"), callbackState: parameters.get("state") };
await auth(authProvider, { serverUrl: url, ...answer });

const client = await createMCPClient({ transport: { type: "http", url, authProvider } });
const tools = await client.tools();
const input = { prompt: "A boat", quality_tier: "draft" };
const output = await tools.image_generate.execute(input, { toolCallId: "1", messages: [] });
const seen = await tools.image_generate.toModelOutput({ toolCallId: "1", input, output });
console.log(JSON.stringify({ tools: Object.keys(tools), seen }));
await client.close();
