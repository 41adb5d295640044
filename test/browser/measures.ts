// Measurements of the page in the browser: contrast, overflow, sizes, focus. They run inside the
// page and are text, because the types of the DOM and those of Workers exclude each other.
import type { Page } from "playwright-core";

/**
 * Relative luminance and contrast as WCAG 2.2 defines them. `ground` is the colour behind an
 * element.
 */
const COLOURS = `
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = channels(colour).slice(0, 3).map((value) => value / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)]; return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05); };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (channels(colour)[3] !== 0) return colour;
    }
    return getComputedStyle(document.documentElement).colorScheme.includes("dark") && matchMedia("(prefers-color-scheme: dark)").matches ? "rgb(18, 18, 18)" : "rgb(255, 255, 255)";
  };
  const isShown = (element) => element.getClientRects().length > 0;
`;

export interface Contrast {
  readonly what: string;
  readonly ratio: number;
}

/** The contrast of each text, field and border of a control with its background, lowest first. */
export async function contrasts(
  page: Page,
): Promise<{ readonly text: readonly Contrast[]; readonly borders: readonly Contrast[] }> {
  return page.evaluate(`(() => {
    ${COLOURS}
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const texts = new Map();
    while (walker.nextNode()) {
      const { textContent, parentElement } = walker.currentNode;
      if (textContent.trim() !== "" && isShown(parentElement)) texts.set(parentElement, textContent.trim());
    }
    for (const field of document.querySelectorAll("input:not([type=hidden], [type=checkbox])")) texts.set(field, "field " + field.name);
    const sorted = (list) => list.sort((a, b) => a.ratio - b.ratio);
    return {
      text: sorted([...texts].map(([element, what]) => ({ what, ratio: contrast(getComputedStyle(element).color, ground(element)) }))),
      borders: sorted([...document.querySelectorAll("input:not([type=hidden], :disabled), button")].filter(isShown).map((control) => {
        const { borderTopColor, backgroundColor } = getComputedStyle(control);
        const around = ground(control.parentElement);
        const edge = channels(borderTopColor)[3] === 0 ? backgroundColor : borderTopColor;
        return { what: control.name || control.textContent.trim(), ratio: contrast(edge, around) };
      })),
    };
  })()`);
}

/**
 * Short descriptions of the elements beyond the right edge; empty if the page cannot scroll
 * sideways.
 */
export async function overflowing(page: Pick<Page, "evaluate">): Promise<readonly string[]> {
  return page.evaluate(`(() => {
    const width = document.documentElement.clientWidth;
    const out = [...document.querySelectorAll("body *")].filter((element) => element.getBoundingClientRect().right > width + 0.5);
    const found = out.map((element) => element.tagName + "." + element.className + " " + Math.round(element.getBoundingClientRect().right));
    return document.documentElement.scrollWidth > width ? ["page " + document.documentElement.scrollWidth, ...found] : found;
  })()`);
}

/**
 * The smaller side, in CSS pixels, of the smallest control; links within a sentence do not count
 * (WCAG 2.2, 2.5.8).
 */
export async function smallestTarget(page: Page): Promise<number> {
  return page.evaluate(`(() => {
    const targets = [...document.querySelectorAll("button, a.button, input:not([type=hidden], [type=checkbox], [type=radio]), select, summary, label:has([type=checkbox], [type=radio])")];
    return Math.min(...targets.map((target) => target.getBoundingClientRect()).map(({ width, height }) => Math.min(width, height)));
  })()`);
}

/** Pairs of controls with less than 4 CSS pixels between them: easily taken for each other. */
export async function touching(page: Page): Promise<readonly string[]> {
  return page.evaluate(`(() => {
    const controls = [...document.querySelectorAll("button, a.button, select")].filter((control) => control.checkVisibility());
    const boxes = controls.map((control) => ({ what: control.textContent.trim(), box: control.getBoundingClientRect() }));
    const gap = (a, b) => Math.max(b.left - a.right, a.left - b.right, b.top - a.bottom, a.top - b.bottom);
    return boxes.flatMap(({ what, box }, at) => boxes.slice(at + 1).filter((other) => gap(box, other.box) < 4).map((other) => what + " and " + other.what));
  })()`);
}

/** The text of the focused element, and the width of its outline in CSS pixels; 0 for none. */
export async function focus(page: Page): Promise<{ readonly what: string; readonly outline: number }> {
  return page.evaluate(`(() => {
    const element = document.activeElement;
    const width = (of) => { const { outlineStyle, outlineWidth } = getComputedStyle(of); return outlineStyle === "none" ? 0 : parseFloat(outlineWidth); };
    const label = element.labels?.[0];
    const what = (label ?? element).textContent.trim().split("\\n")[0];
    return { what, outline: Math.max(width(element), label?.contains(element) ? width(label) : 0) };
  })()`);
}

/**
 * Presses Tab once for each label. Throws unless the focus is on an element whose text begins with
 * the label, with a visible outline.
 */
export async function tabTo(page: Page, ...labels: readonly string[]): Promise<void> {
  for (const label of labels) {
    await page.keyboard.press("Tab");
    const { what, outline } = await focus(page);
    if (!what.startsWith(label)) throw new Error(`Tab goes to "${what}" instead of "${label}".`);
    if (outline < 2) throw new Error(`The outline of "${label}" is ${outline} pixels wide.`);
  }
}

/** The structure of the page for a screen reader. */
export async function structure(page: Page): Promise<object> {
  return page.evaluate(`({
    lang: document.documentElement.lang,
    headings: document.querySelectorAll("h1").length,
    mains: document.querySelectorAll("main").length,
    nameless: [...document.querySelectorAll("input:not([type=hidden])")].filter((field) => !field.labels?.length).map(({ name }) => name),
    doubleIds: [...document.querySelectorAll("[id]")].map(({ id }) => id).filter((id, at, all) => all.indexOf(id) !== at),
    scripts: document.scripts.length,
  })`);
}
