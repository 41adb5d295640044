// Pages that are open to everyone at any time.
import { homePage } from "../pages/home.ts";
import { toText } from "../pages/html.ts";
import { BRAND_MARK } from "../pages/marks.ts";
import { pageResponse } from "../pages/page.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { sealedSession } from "./session.ts";

/** GET /. The cookie alone tells who is signed in: where it is wrong, /apps asks again. */
export async function showHome(browser: BrowserRequest): Promise<Response> {
  const isSignedIn = (await sealedSession(browser)) !== null;
  return pageResponse(homePage({ ...browser.config, isSignedIn }, browser.texts));
}

/** GET /favicon.svg: the icon of the browser tab. */
export function showFavicon(): Response {
  return new Response(toText(BRAND_MARK), {
    headers: { "Content-Type": "image/svg+xml", "Cache-Control": "public, max-age=86400" },
  });
}
