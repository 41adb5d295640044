// A script with an API key: lists the tools that the key may call.
//   npm install @modelcontextprotocol/client
//   KEY=sb_live_… npx node docs/examples/list-tools.mjs [endpoint]
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const endpoint = new URL(process.argv[2] ?? "http://localhost:8790/mcp");
const requestInit = { headers: { Authorization: `Bearer ${process.env.KEY}` } };

const mcp = new Client({ name: "my-script", version: "1.0.0" });
await mcp.connect(new StreamableHTTPClientTransport(endpoint, { requestInit }));
const { tools } = await mcp.listTools();
console.log(tools.map(({ name }) => name).join(" "));
await mcp.close();
