// The official SDK for servers, behind OAuth, with an audit record for each call.
import { createMcpHandler } from "@modelcontextprotocol/server";
import { behindOAuth } from "./oauth.mjs";
import { makeServer } from "./server.mjs";

const handler = createMcpHandler(makeServer);

export default behindOAuth((request) => handler.fetch(request));
