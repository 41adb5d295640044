// One request of a browser to a page, with everything that a handler needs.
import type { AuthService } from "../../backends/auth.ts";
import type { RequestContext } from "../../context.ts";
import type { ProductTexts } from "../../tools/product-texts.ts";

export interface BrowserRequest extends RequestContext {
  readonly request: Request;
  readonly url: URL;
  readonly auth: AuthService;
  readonly texts: ProductTexts;
}
