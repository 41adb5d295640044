// Views: self-contained pages that an MCP client shows beside a tool's result (MCP Apps, 2026-01-26). A view asks nobody but the client
// that shows it, over `postMessage`, and writes whatever it is told as text. What a view shows stands in a file of its own.

/** `Resource` of the MCP schema, with the page itself. */
export interface View {
  readonly uri: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly mimeType: string;
  readonly html: string;
}

/** What a client that displays views accepts. */
export const VIEW_MIME_TYPE = "text/html;profile=mcp-app";

/** Of the views, as they name themselves to a client. */
const VERSION = "1.0.0";

/** For the client's own policy: no view needs any origin. */
export const VIEW_META = { ui: { csp: { connectDomains: [], resourceDomains: [] }, prefersBorder: true } };

/** Kept also where a client's policy is looser. Scripts are left to the client's, which may bring some of its own. */
const POLICY =
  "img-src 'none'; connect-src 'none'; frame-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'";

const STYLE = `
:root { color-scheme: light dark; }
body { margin: 0; padding: 12px; font: 14px/1.45 var(--font-sans, system-ui, sans-serif); color: var(--color-text-primary, CanvasText);
  overflow-wrap: anywhere; }
p { margin: 8px 0 0; }
.quiet { color: var(--color-text-secondary, color-mix(in srgb, currentColor 75%, transparent)); }`;

/**
 * The view's side of the protocol: asks the client and shows what it brings. `make` is the only way to make an element, and `place` to
 * put it on the page, so that no text is ever read as HTML.
 */
const BRIDGE = `
const page = document.getElementById("page");
const waiting = new Map();
let client = {};
let asked = 0;
const send = (message) => parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
const ask = (method, params) => new Promise((resolve, reject) => {
  waiting.set(++asked, { resolve, reject });
  send({ id: asked, method, params });
});
const make = (tag, fields, ...children) => {
  const element = Object.assign(document.createElement(tag), fields);
  element.append(...children);
  return element;
};
const place = (...children) => page.replaceChildren(...children);
const list = (value) => (Array.isArray(value) ? value.filter((item) => item && typeof item === "object") : []);
const words = (value) => (typeof value === "string" || typeof value === "number" ? String(value) : "");
const say = (text) => place(make("p", { className: "quiet", textContent: text }));
const dress = ({ theme, styles } = {}) => {
  if (theme === "light" || theme === "dark") document.documentElement.style.colorScheme = theme;
  for (const [name, value] of Object.entries(styles?.variables ?? {}))
    if (name.startsWith("--")) document.documentElement.style.setProperty(name, words(value));
};
const told = {
  "ui/notifications/tool-result": (result) => {
    const content = list(result.content);
    const text = content.filter(({ type }) => type === "text").map((item) => words(item.text)).join("\\n");
    if (result.isError || !result.structuredContent) say(text || "There is nothing to show.");
    else show(result.structuredContent, content);
  },
  "ui/notifications/tool-cancelled": () => say("Cancelled."),
  "ui/notifications/host-context-changed": dress,
};
addEventListener("message", ({ source, data }) => {
  if (source !== parent || data?.jsonrpc !== "2.0") return;
  const { id, method, params, result, error } = data;
  if (method === undefined) {
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (error) reject?.(error);
    else resolve?.(result ?? {});
  } else if (id === undefined) {
    if (Object.hasOwn(told, method)) told[method](params ?? {});
  } else if (method === "ping" || method === "ui/resource-teardown") send({ id, result: {} });
  else send({ id, error: { code: -32601, message: "This method is not served here." } });
});
new ResizeObserver(() => {
  const { width, height } = document.documentElement.getBoundingClientRect();
  send({ method: "ui/notifications/size-changed", params: { width: Math.ceil(width), height: Math.ceil(height) } });
}).observe(document.documentElement);
ask("ui/initialize", {
  protocolVersion: "2026-01-26",
  appInfo: NAME,
  appCapabilities: { availableDisplayModes: ["inline"] },
}).then(({ hostCapabilities = {}, hostContext }) => {
  client = hostCapabilities;
  dress(hostContext);
  send({ method: "ui/notifications/initialized", params: {} });
}, () => say("This client cannot show the result here."));`;

/** What a view consists of beside what all have in common. `script` defines `show(value, content)`, for a result that is no error. */
export interface ViewDefinition extends Omit<View, "mimeType" | "html"> {
  readonly style: string;
  readonly script: string;
  /** Until the result is there. */
  readonly waiting: string;
}

/** Makes the page of a view. */
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
