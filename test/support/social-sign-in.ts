// Social sign-in at the auth Worker: the requests of the browser, and those with which the gateway
// starts and finishes it.
import { createHash, randomBytes } from "node:crypto";
import type { SignIn } from "../../contracts/auth.ts";
import type { AuthWorker } from "./auth-worker.ts";

export const ORIGIN = "http://localhost:8790";
export const RETURN_URL = `${ORIGIN}/oauth/callback`;

/** 32 random bytes in base64url: a state, a verifier or a secret. */
export const randomToken = () => randomBytes(32).toString("base64url");
export const s256 = (verifier: string) => createHash("sha256").update(verifier).digest("base64url");

/** A browser that keeps cookies and follows no redirects. */
export class Browser {
  readonly cookies = new Map<string, string>();
  readonly #backend: AuthWorker;

  constructor(backend: AuthWorker) {
    this.#backend = backend;
  }

  async open(url: string, form?: Record<string, string>) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const post = form && { method: "POST", body: new URLSearchParams(form).toString() };
    const type = form && { "content-type": "application/x-www-form-urlencoded" };
    const response = await this.#backend.worker.fetch(url, {
      ...post,
      headers: { cookie, ...type },
      redirect: "manual",
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === "") this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const text = await response.text();
    const location = response.headers.get("location") ?? "";
    return {
      status: response.status,
      headers: response.headers,
      text,
      location,
      query: new URL(location || ORIGIN).searchParams,
    };
  }
}

/** The request with which the gateway starts a sign-in, and the values that it keeps. */
export function gatewayRequest(provider = "github", overrides: Record<string, string> = {}) {
  const verifier = randomToken();
  const state = randomToken();
  const query = new URLSearchParams({
    provider,
    return_url: RETURN_URL,
    state,
    code_challenge: s256(verifier),
    ...overrides,
  });
  return { verifier, state, url: `${ORIGIN}/social-bridge?${query}` };
}

/** Redeems the code in the callback for the signed-in user, as the gateway does. */
export function redeemCode(backend: AuthWorker, code: string | null, codeVerifier: string, returnUrl = RETURN_URL) {
  return backend.invoke("exchangeSocialCode", code, { codeVerifier, returnUrl }) as Promise<SignIn>;
}
