// Pictures on the account page, from the gateway's own origin: the page's policy stays `'self'`,
// and an address that a backend makes up is never loaded.
import * as v from "valibot";
import { ReadImage } from "../../../contracts/img-forge.ts";
import { AUTH_UNAVAILABLE } from "../../backends/auth.ts";
import { readPicture } from "../../backends/pictures.ts";
import { ACCOUNT_LINK, accountUnavailable, accountUnchecked } from "./account-forms.ts";
import { identityOf } from "./account-session.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { errorPage } from "./error-pages.ts";
import { signedInSession } from "./session.ts";

/** The browser keeps a picture for an hour, so that the page does not fetch it at each visit. */
const CACHE_SECONDS = 3_600;

/** GET /apps/picture?job=ID: a finished picture of the signed-in user's tenant. */
export async function showPicture(browser: BrowserRequest): Promise<Response> {
  const session = await signedInSession(browser);
  if (session === AUTH_UNAVAILABLE) return accountUnchecked(browser, "This picture cannot be shown");
  const input = { job_id: browser.url.searchParams.get("job") };
  if (!session || !v.is(ReadImage.input, input)) return noPicture(browser);
  const picture = await readPicture(browser, identityOf(session), input.job_id);
  if (!picture.ok) {
    if (picture.error.code === "job_not_found" || picture.error.code === "job_not_completed") return noPicture(browser);
    return accountUnavailable(
      browser,
      "This picture cannot be shown",
      "It could not be read just now. Try again shortly.",
    );
  }
  const { body, mime_type, size_bytes } = picture.value;
  const headers = {
    "Content-Type": mime_type,
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": `private, max-age=${CACHE_SECONDS}`,
  };
  if (browser.request.method !== "HEAD")
    return new Response(body.pipeThrough(new FixedLengthStream(size_bytes)), { headers });
  void body.cancel().catch(() => undefined); // nothing reads it
  return new Response(null, { headers });
}

function noPicture(browser: BrowserRequest): Response {
  return errorPage(browser, {
    status: 404,
    title: "This picture is not here",
    text: "It has expired, was never finished, or belongs to an account that is not signed in here.",
    link: ACCOUNT_LINK,
  });
}
