// The browser and the country by which a user recognizes a connection.
import { describe, expect, it } from "vitest";
import { deviceOf } from "../../../../src/oauth/browser/device.ts";

/** A request with this `User-Agent`, from this country. */
function requestFrom(agent: string | null, country?: string): Request {
  const headers = agent === null ? {} : { "User-Agent": agent };
  return new Request("https://gateway.test/authorize", { headers, cf: { country } } as RequestInit);
}

describe("the browser of a decision", () => {
  it.each([
    ["Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Windows"],
    [
      "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
      "Safari on macOS",
    ],
    [
      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1",
      "Chrome on iPhone",
    ],
    [
      "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36",
      "Chrome on Android",
    ],
    [
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0",
      "Edge on Windows",
    ],
    [
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0 Safari/537.36",
      "Chrome on Linux",
    ],
    ["curl/8.5.0", null],
    ["<script>alert(1)</script>", null],
    [null, null],
  ])("of %s is %s", (agent, name) => {
    expect(deviceOf(requestFrom(agent))).toBe(name);
  });

  it.each([
    ["DE", "Germany"],
    ["XX", null],
    ["T1", null],
    [undefined, null],
  ])("in %s is in %s", (country, name) => {
    expect(deviceOf(requestFrom(null, country))).toBe(name);
  });

  it("has its country behind it", () => {
    expect(deviceOf(requestFrom("Firefox/140.0 Windows", "FR"))).toBe("Firefox on Windows, France");
  });
});
