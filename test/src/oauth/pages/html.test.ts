// The template of all pages: inserted text cannot become markup.
import { describe, expect, it } from "vitest";
import { html, toText } from "../../../../src/oauth/pages/html.ts";

describe("the html template", () => {
  it("escapes every inserted string, in text and in attributes, and no fragment", () => {
    const bad = `"><script>alert('&')</script>`;
    const fragment = html`<b>${bad}</b>`;
    const escaped = "&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;";
    expect(toText(html`<a title="${bad}">${[fragment, null, false, 3]}</a>`)).toBe(
      `<a title="${escaped}"><b>${escaped}</b>3</a>`,
    );
  });
});
