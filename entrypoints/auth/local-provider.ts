// Stands in for GitHub and Google on a developer's machine, offline: a page where one chooses who to be. To the bridge it is a
// provider like the others, with a page, a one-time answer and a callback. On loopback only, and only for a provider that has no
// client id configured. Only local.ts imports this file.
import * as v from "valibot";
import { SocialProvider } from "../../contracts/auth.ts";
import { configuredProvider } from "./configured-provider.ts";
import { EmailAddress, PersonName } from "./credentials.ts";
import { leavePage, pageHeaders, personPage } from "./local-provider-page.ts";
import { seal, unseal } from "./sealed.ts";
import { type Env, isLoopback, type Settings, settingsOf } from "./settings.ts";
import type { Provider, ProviderChoice } from "./social-provider.ts";

const CODE_SECONDS = 60;
const STATE = /^[A-Za-z0-9_-]{43}$/;

/** What the person chose on the page, bound to the sign-in it was chosen for. */
const Chosen = v.object({
  provider: SocialProvider,
  state: v.string(),
  name: v.string(),
  email: v.string(),
  isEmailVerified: v.boolean(),
});

/** The configured provider, or the stand-in where there is none and this is a developer's machine. */
export const choiceWithStandIn: ProviderChoice = (settings, name) =>
  configuredProvider(settings, name) ?? (isLoopback(settings.baseUrl) ? standIn(settings, name) : null);

function standIn(settings: Settings, name: SocialProvider): Provider {
  return {
    issuer: issuerOf(settings, name),
    authorizationUrl: ({ state }) => `${issuerOf(settings, name)}?${new URLSearchParams({ state })}`,
    async identify(code, { state }) {
      const chosen = await unseal(settings.secret, "stand-in-code", Chosen, code, Math.floor(Date.now() / 1000));
      if (chosen?.provider !== name || chosen.state !== state)
        throw new Error("This answer belongs to another sign-in.");
      return {
        accountId: `stand-in:${chosen.email}`,
        email: chosen.email,
        isEmailVerified: chosen.isEmailVerified,
        name: chosen.name,
      };
    },
  };
}

function issuerOf({ baseUrl }: Settings, name: SocialProvider): string {
  return `${baseUrl}/social-bridge/stand-in/${name}`;
}

/** The stand-in's own page: shown on GET, answered on POST. `null` for any other path, and wherever it must not exist. */
export async function standInPage(request: Request, env: Env): Promise<Response | null> {
  const url = new URL(request.url);
  const name = /^\/social-bridge\/stand-in\/(github|google)$/.exec(url.pathname)?.[1];
  if (name === undefined || !isLoopback(request.url)) return null;
  const provider = v.parse(SocialProvider, name);
  const settings = settingsOf(env);
  if (configuredProvider(settings, provider) || !isLoopback(settings.baseUrl)) return null;
  const form = request.method === "POST" ? await formOf(request) : url.searchParams;
  const state = form.get("state") ?? "";
  if (!STATE.test(state))
    return page(400, personPage(provider, { state: "", problem: "Go back to your app and start again." }));
  if (request.method !== "POST") return page(200, personPage(provider, { state }));

  const callback = new URL(`${settings.baseUrl}/social-bridge/callback/${provider}`);
  callback.searchParams.set("state", state);
  callback.searchParams.set("iss", issuerOf(settings, provider));
  if (form.get("decision") === "deny") {
    callback.searchParams.set("error", "access_denied");
    return page(200, leavePage(provider, callback.href));
  }
  const person = v.safeParse(v.tuple([PersonName, EmailAddress]), [form.get("name"), form.get("email")]);
  if (!person.success) {
    const entered = { name: form.get("name") ?? "", email: form.get("email") ?? "" };
    return page(
      422,
      personPage(provider, { state, entered, problem: "Enter a name and an e-mail address such as ada@example.com." }),
    );
  }
  const [personName, email] = person.output;
  const chosen: v.InferOutput<typeof Chosen> = {
    provider,
    state,
    name: personName,
    email,
    isEmailVerified: form.has("verified"),
  };
  const code = await seal(settings.secret, "stand-in-code", chosen, Math.floor(Date.now() / 1000) + CODE_SECONDS);
  callback.searchParams.set("code", code);
  return page(200, leavePage(provider, callback.href));
}

/** Empty where the body is no form. */
async function formOf(request: Request): Promise<URLSearchParams> {
  const isForm = request.headers.get("content-type")?.startsWith("application/x-www-form-urlencoded") ?? false;
  return new URLSearchParams(isForm ? await request.text() : "");
}

async function page(status: number, html: string): Promise<Response> {
  return new Response(html, { status, headers: await pageHeaders() });
}
