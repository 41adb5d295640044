// Cloudflare's agents, behind OAuth, with an audit record for each call.
import { createMcpHandler } from "agents/mcp/server";
import { behindOAuth } from "./oauth.mjs";
import { makeServer } from "./server.mjs";

const handler = createMcpHandler(makeServer);

export default behindOAuth((request, env, ctx) => handler(request, env, ctx));
