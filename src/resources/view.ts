// Views: self-contained pages in which an MCP client shows a tool's result (MCP Apps, 2026-01-26).
// A view communicates only with its client, over `postMessage`, and writes everything that it
// receives as text. Each view has a file of its own.

/** `Resource` of the MCP schema, with the page itself. */
export interface View {
  readonly uri: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly mimeType: string;
  readonly html: string;
}

/** The media type of views. */
export const VIEW_MIME_TYPE = "text/html;profile=mcp-app";

/** The version that views report to a client. */
const VERSION = "1.0.0";

/** For the client's content security policy: no view needs any origin. */
export const VIEW_META = { ui: { csp: { connectDomains: [], resourceDomains: [] }, prefersBorder: true } };

/**
 * The page's own policy, for clients with a looser one. It leaves scripts to the client, which may
 * add its own.
 */
const POLICY =
  "img-src 'none'; connect-src 'none'; frame-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'";

const STYLE = `
:root { color-scheme: light dark; }
body { margin: 0; padding: 12px; font: 14px/1.45 var(--font-sans, system-ui, sans-serif); color: var(--color-text-primary, CanvasText);
  overflow-wrap: anywhere; }
p { margin: 8px 0 0; }
.quiet { color: var(--color-text-secondary, color-mix(in srgb, currentColor 75%, transparent)); }`;

/**
 * The view's side of the protocol: sends requests to the client and renders results. Elements are
 * made with `make` only, and put on the page with `place` only, so that no text is parsed as HTML.
 */
const BRIDGE = `
const page = document.getElementById("page");
const pending = new Map();
let client = {};
let lastId = 0;
const send = (message) => parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
const request = (method, params) => new Promise((resolve, reject) => {
  pending.set(++lastId, { resolve, reject });
  send({ id: lastId, method, params });
});
const make = (tag, fields, ...children) => {
  const element = Object.assign(document.createElement(tag), fields);
  element.append(...children);
  return element;
};
const place = (...children) => page.replaceChildren(...children);
const objectsIn = (value) => (Array.isArray(value) ? value.filter((item) => item && typeof item === "object") : []);
const textOf = (value) => (typeof value === "string" || typeof value === "number" ? String(value) : "");
const showText = (text) => place(make("p", { className: "quiet", textContent: text }));
const applyContext = ({ theme, styles } = {}) => {
  if (theme === "light" || theme === "dark") document.documentElement.style.colorScheme = theme;
  for (const [name, value] of Object.entries(styles?.variables ?? {}))
    if (name.startsWith("--")) document.documentElement.style.setProperty(name, textOf(value));
};
const handlers = {
  "ui/notifications/tool-result": (result) => {
    const content = objectsIn(result.content);
    const text = content.filter(({ type }) => type === "text").map((item) => textOf(item.text)).join("\\n");
    if (result.isError || !result.structuredContent) showText(text || "There is nothing to show.");
    else render(result.structuredContent, content);
  },
  "ui/notifications/tool-cancelled": () => showText("Cancelled."),
  "ui/notifications/host-context-changed": applyContext,
};
addEventListener("message", ({ source, data }) => {
  if (source !== parent || data?.jsonrpc !== "2.0") return;
  const { id, method, params, result, error } = data;
  if (method === undefined) {
    const { resolve, reject } = pending.get(id) ?? {};
    pending.delete(id);
    if (error) reject?.(error);
    else resolve?.(result ?? {});
  } else if (id === undefined) {
    if (Object.hasOwn(handlers, method)) handlers[method](params ?? {});
  } else if (method === "ping" || method === "ui/resource-teardown") send({ id, result: {} });
  else send({ id, error: { code: -32601, message: "This method is not served here." } });
});
new ResizeObserver(() => {
  const { width, height } = document.documentElement.getBoundingClientRect();
  send({ method: "ui/notifications/size-changed", params: { width: Math.ceil(width), height: Math.ceil(height) } });
}).observe(document.documentElement);
request("ui/initialize", {
  protocolVersion: "2026-01-26",
  appInfo: NAME,
  appCapabilities: { availableDisplayModes: ["inline"] },
}).then(({ hostCapabilities = {}, hostContext }) => {
  client = hostCapabilities;
  applyContext(hostContext);
  send({ method: "ui/notifications/initialized", params: {} });
}, () => showText("This client cannot show the result here."));`;

/**
 * The part of a view that differs from other views. `script` defines `render(value, content)` for
 * successful results.
 */
export interface ViewDefinition extends Omit<View, "mimeType" | "html"> {
  readonly style: string;
  readonly script: string;
  /** Shown until the result arrives. */
  readonly waiting: string;
}

/** Makes a view with its page. */
export function viewOf({ uri, name, title, description, style, script, waiting }: ViewDefinition): View {
  const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${title}</title>
<style>${STYLE}${style}
</style>
<main id="page"><p class="quiet">${waiting}</p></main>
<script type="module">${BRIDGE.replace("NAME", JSON.stringify({ name: `stackbilt-${name}`, version: VERSION }))}
${script}
</script>
</html>
`;
  return { uri, name, title, description, mimeType: VIEW_MIME_TYPE, html };
}
