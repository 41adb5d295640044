// Markdown in views. Headings, paragraphs, quotes, lists, tables, code and bold text become
// elements; everything else, also links, images and HTML, stays text.

export const MARKDOWN_STYLE = `
h3, h4, h5, h6 { margin: 16px 0 0; font-size: 1em; }
h3 { font-size: 1.15em; }
ul, ol { margin: 8px 0 0; padding-inline-start: 24px; }
blockquote { margin: 8px 0 0; padding-inline-start: 12px; border-inline-start: 3px solid var(--color-border-primary, #8884); }
pre { margin: 8px 0 0; white-space: pre-wrap; }
code, pre { font: 13px/1.5 var(--font-mono, ui-monospace, monospace); }
.wide { overflow-x: auto; overflow-wrap: break-word; }
.wide td { vertical-align: top; }`;

/**
 * Defines `elementsOf(markdown)`, which returns its elements in order. It needs `make` of a view.
 * It runs in linear time for any text.
 */
export const MARKDOWN_SCRIPT = `
const inline = (text) => text.split(/(\`[^\`]+\`|\\*\\*[^*]+\\*\\*)/).map((part, at) =>
  at % 2 === 0 ? part : part[0] === "*" ? make("strong", {}, part.slice(2, -2)) : make("code", {}, part.slice(1, -1)));
const cellsOf = (row) => row.replace(/^\\||\\|\\s*$/g, "").split(/(?<!\\\\)\\|/).map((cell) => inline(cell.trim().replaceAll("\\\\|", "|")));
const rowOf = (tag) => (row) => make("tr", {}, ...cellsOf(row).map((cell) => make(tag, {}, ...cell)));
const table = (rows) => {
  const hasHead = /^[|:\\s-]+$/.test(rows[1] ?? "");
  const head = hasHead ? [make("thead", {}, rowOf("th")(rows[0]))] : [];
  return make("div", { className: "wide" }, make("table", {}, ...head, make("tbody", {}, ...rows.slice(hasHead ? 2 : 0).map(rowOf("td")))));
};
const items = (tag, mark) => (lines) => make(tag, {}, ...lines.map((line) => make("li", {}, ...inline(line.replace(mark, "")))));
const heading = (line) => make("h" + Math.min(6, line.indexOf(" ") + 2), {}, ...inline(line.replace(/^#+ +/, "")));
const KINDS = [
  [/^\\s*$/, () => []],
  [/^#{1,6} /, (lines) => lines.map(heading)],
  [/^\\|/, (lines) => [table(lines)]],
  [/^>/, (lines) => [make("blockquote", {}, ...inline(lines.map((line) => line.replace(/^> ?/, "")).join(" ")))]],
  [/^[-*] /, (lines) => [items("ul", /^[-*] /)(lines)]],
  [/^\\d+\\. /, (lines) => [items("ol", /^\\d+\\. /)(lines)]],
  [/^/, (lines) => [make("p", {}, ...inline(lines.join(" ")))]],
];
const kindOf = (line) => KINDS.find(([mark]) => mark.test(line));
const elementsOf = (markdown) => {
  const lines = markdown.split(/\\r?\\n/);
  const made = [];
  for (let at = 0; at < lines.length; ) {
    const isCode = lines[at].startsWith("\`\`\`");
    const kind = kindOf(lines[at]);
    const from = isCode ? ++at : at;
    while (at < lines.length && (isCode ? !lines[at].startsWith("\`\`\`") : kindOf(lines[at]) === kind && !lines[at].startsWith("\`\`\`"))) at++;
    const taken = lines.slice(from, at);
    made.push(...(isCode ? [make("pre", {}, taken.join("\\n"))] : kind[1](taken)));
    if (isCode) at++;
  }
  return made;
};`;
