// The local provider: replaces GitHub and Google on a developer's machine, offline, with a page on
// which the developer enters the user to sign in. The bridge uses it like any other provider, with
// an authorization page, a one-time code and a callback. It exists on loopback only, and only for a
// provider without a configured client id. Only local.ts imports this file.
import * as v from "valibot";
import { SocialProvider } from "../../contracts/auth.ts";
import { DisplayName, EmailAddress } from "./account-fields.ts";
import { configuredProvider } from "./configured-provider.ts";
import { authorizationPage, continuePage, pageHeaders } from "./local-provider-page.ts";
import { type SealKey, seal, unseal } from "./seal.ts";
import { type Env, isLoopback, type Settings, settingsOf } from "./settings.ts";
import type { Provider, ProviderLookup } from "./social-provider.ts";

const CODE_SECONDS = 60;
const STATE = /^[A-Za-z0-9_-]{43}$/;
/** Stored in local databases: another prefix would be another account. */
const ACCOUNT_ID_PREFIX = "stand-in:";

/** Content of a code: the entered user, bound to the provider and the state of the sign-in. */
const Code = v.object({
  provider: SocialProvider,
  state: v.string(),
  name: v.string(),
  email: v.string(),
  isEmailVerified: v.boolean(),
});
type Code = v.InferOutput<typeof Code>;

/** Returns the configured provider or, on a developer's machine, the local one. */
export const configuredOrLocalProvider: ProviderLookup = (settings, name) =>
  configuredProvider(settings, name) ?? (isLoopback(settings.baseUrl) ? localProvider(settings, name) : null);

function localProvider(settings: Settings, name: SocialProvider): Provider {
  return {
    issuer: issuerOf(settings, name),
    authorizationUrl: ({ state }) => `${issuerOf(settings, name)}?${new URLSearchParams({ state })}`,
    async redeem(code, { state }) {
      const user = await unseal(sealKeyOf(settings), Code, code, Math.floor(Date.now() / 1000));
      if (user?.provider !== name || user.state !== state) throw new Error("The code belongs to another sign-in.");
      return {
        accountId: `${ACCOUNT_ID_PREFIX}${user.email}`,
        email: user.email,
        isEmailVerified: user.isEmailVerified,
        name: user.name,
      };
    },
  };
}

function issuerOf({ baseUrl }: Settings, name: SocialProvider): string {
  return `${baseUrl}/social-bridge/local/${name}`;
}

function sealKeyOf({ secret }: Settings): SealKey {
  return { secret, purpose: "local-provider-code" };
}

/**
 * Serves the authorization page of the local provider: the form on GET, its result on POST. `null`
 * for any other path, off loopback, and for a provider with a configured client.
 */
export async function localProviderPage(request: Request, env: Env): Promise<Response | null> {
  const url = new URL(request.url);
  const name = /^\/social-bridge\/local\/(github|google)$/.exec(url.pathname)?.[1];
  if (name === undefined || !isLoopback(request.url)) return null;
  const provider = v.parse(SocialProvider, name);
  const settings = settingsOf(env);
  if (configuredProvider(settings, provider) || !isLoopback(settings.baseUrl)) return null;
  const form = request.method === "POST" ? await readForm(request) : url.searchParams;
  const state = form.get("state") ?? "";
  if (!STATE.test(state)) {
    const problem = "This sign-in request is not valid. Go back to your app and start again.";
    return html(400, authorizationPage(provider, { state: "", problem }));
  }
  if (request.method !== "POST") return html(200, authorizationPage(provider, { state }));
  return submit(settings, provider, state, form);
}

/**
 * Responds to the submitted form with a page that continues to the callback, or with the form
 * again.
 */
async function submit(
  settings: Settings,
  provider: SocialProvider,
  state: string,
  form: URLSearchParams,
): Promise<Response> {
  const callback = new URL(`${settings.baseUrl}/social-bridge/callback/${provider}`);
  callback.searchParams.set("state", state);
  callback.searchParams.set("iss", issuerOf(settings, provider));
  if (form.get("decision") === "deny") {
    callback.searchParams.set("error", "access_denied");
    return html(200, continuePage(provider, callback.href));
  }
  const user = v.safeParse(v.tuple([DisplayName, EmailAddress]), [form.get("name"), form.get("email")]);
  if (!user.success) {
    const entered = { name: form.get("name") ?? "", email: form.get("email") ?? "" };
    const problem = "Enter a name and an e-mail address such as ada@example.com.";
    return html(422, authorizationPage(provider, { state, entered, problem }));
  }
  const [name, email] = user.output;
  const content: Code = { provider, state, name, email, isEmailVerified: form.has("verified") };
  const expiresAt = Math.floor(Date.now() / 1000) + CODE_SECONDS;
  callback.searchParams.set("code", await seal(sealKeyOf(settings), content, expiresAt));
  return html(200, continuePage(provider, callback.href));
}

/** Empty if the body is not a form. */
async function readForm(request: Request): Promise<URLSearchParams> {
  const isForm = request.headers.get("content-type")?.startsWith("application/x-www-form-urlencoded") ?? false;
  return new URLSearchParams(isForm ? await request.text() : "");
}

async function html(status: number, page: string): Promise<Response> {
  return new Response(page, { status, headers: await pageHeaders() });
}
