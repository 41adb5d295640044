// The view of a flow: its progress, and each mode's score and artifact.
import { MARKDOWN_SCRIPT, MARKDOWN_STYLE } from "./markdown.ts";
import { viewOf } from "./view.ts";

export const flowView = viewOf({
  uri: "ui://stackbilt/flow",
  name: "flow_view",
  title: "Architecture flow",
  description:
    "Shows a flow's modes, scores and artifacts: the results of flow_advance, flow_recover, flow_summary and flow_quality.",
  waiting: "The flow is running.",
  style: `
progress { width: 100%; }
meter { display: block; width: 100%; min-width: 56px; }
table { width: 100%; border-collapse: collapse; margin-top: 8px; }
th, td { padding: 4px 8px 4px 0; text-align: start; vertical-align: middle; border-bottom: 1px solid var(--color-border-primary, #8884); }
details { margin-top: 8px; }
summary { cursor: pointer; font-weight: 600; }
.id, .note { font-size: 12px; }${MARKDOWN_STYLE}`,
  script: `${MARKDOWN_SCRIPT}
const score = (value) => typeof value === "number"
  ? make("td", { textContent: Math.round(value) }, make("meter", { ariaHidden: "true", min: 0, max: 100, low: 40, high: 70, optimum: 100, value }))
  : make("td", { textContent: "–" });
const SCORES = "Scores are from 0 to 100: how much of the description a document covers, how concrete and complete it is, " +
  "and how well it builds on the mode before it. From 70 a score is good, below 40 it is weak. ";
const TWO = "Alone: the document by itself. Weighed: together with the modes before it.";
const ONE = "Each is weighed with the modes before it.";
const render = (flow) => {
  const modes = objectsIn(flow.modes).concat(objectsIn([flow.quality]));
  const artifacts = objectsIn(flow.artifacts).concat(objectsIn([flow.artifact]));
  const state = [textOf(flow.status), textOf(flow.currentMode) && "mode " + textOf(flow.currentMode)].filter(Boolean).join(", ");
  place();
  if (state) page.append(make("p", { textContent: "Flow " + state }), make("p", { className: "quiet id", textContent: textOf(flow.flowId) }));
  if (typeof flow.progress === "number")
    page.append(make("progress", { max: 1, value: Math.min(1, Math.max(0, flow.progress)), ariaLabel: "Progress" }));
  if (modes.length > 0) {
    const hasTwo = modes.some(({ local }) => typeof local === "number");
    const titles = ["Mode", "Status", ...(hasTwo ? ["Alone", "Weighed"] : ["Score"])];
    const rows = modes.map(({ mode, status, local, fused, quality }) => make("tr", {},
      make("th", { scope: "row", textContent: textOf(mode) }),
      make("td", { textContent: textOf(status) || "completed" }),
      ...(hasTwo ? [score(local), score(fused)] : [score(quality)])));
    const head = make("tr", {}, ...titles.map((title) => make("th", { scope: "col", textContent: title })));
    page.append(make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
    page.append(make("p", { className: "quiet note", textContent: SCORES + (hasTwo ? TWO : ONE) }));
  }
  for (const { mode, title, markdown } of artifacts) {
    const summary = make("summary", {}, textOf(title) || textOf(mode));
    const [first, ...rest] = elementsOf(textOf(markdown));
    const isTitle = first?.tagName === "H3" && first.textContent === textOf(title);
    page.append(make("details", { open: artifacts.length === 1 }, summary, ...(isTitle || !first ? rest : [first, ...rest])));
  }
};`,
});
