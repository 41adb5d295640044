// A person's own page: which apps have access to their account, their keys, and the way out. Apps and sign-out need nothing but
// storage; for keys and tokens the auth Worker is asked, in the person's name.
import { type CreateApiKey, KEY_NAME_MAX_CHARACTERS, KeyEnvironment } from "../../../contracts/auth.ts";
import type { Refusal } from "../../../contracts/rpc/call.ts";
import type { Identity, Scope } from "../../../contracts/rpc/identity.ts";
import type { InputOf } from "../../../contracts/rpc/operation.ts";
import type { AccessEvent } from "../../audit/event.ts";
import { recordAccess } from "../../audit/sinks.ts";
import { AUTH_UNAVAILABLE } from "../../backends/auth.ts";
import { cleanName } from "../authorization-server/client-identity.ts";
import { findConnectedApp, listConnectedApps } from "../authorization-server/connected-apps.ts";
import { revokeGrant, revokeUser } from "../authorization-server/revocation.ts";
import { appsPage, disconnectedPage, nobodyPage, signedOutPage, signOutPage } from "../pages/account.ts";
import { KEY_LIFETIMES, keyFormPage, newKeyPage, newTokenPage, type TriedKey } from "../pages/api-keys.ts";
import { type Page, redirect, respond } from "../pages/page.ts";
import { clientOfKey, deleteKeyCredentials } from "../resource-server/credential-cache.ts";
import { ACCOUNT_LINK, accountFormTokens, claimForm, onAccountSubmit } from "./account-form.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { refuse } from "./error-pages.ts";
import {
  type BrowserSession,
  clearedSessionCookie,
  endSession,
  sessionCookie,
  sessionOf,
  signedInSession,
} from "./session.ts";
import { signInForOwnPage } from "./sign-in.ts";
import { randomText } from "./transaction.ts";

/** GET /apps */
export async function showApps(visit: BrowserRequest): Promise<Response> {
  const session = await sessionOf(visit);
  if (!session) return signInForOwnPage(visit);
  const { userId, email } = session.account;
  const [{ apps, next }, keys, tokens] = await Promise.all([
    listConnectedApps(visit.env, userId, visit.url.searchParams.get("cursor")),
    visit.auth.order("listApiKeys", identityOf(session), {}),
    accountFormTokens(visit, session),
  ]);
  const view = {
    email,
    apps,
    next,
    keys: keys.ok ? keys.value.keys : null,
    tokens,
    once: { key: randomText(16), token: randomText(16) },
  };
  return show(visit, session, appsPage(visit.config.resource, view));
}

/** POST /apps/revoke: ends one app's access. The grant is looked for among this person's own, so nobody else's can be meant. */
export const revokeApp = onAccountSubmit("/apps/revoke", async (visit, form, session) => {
  const { env, ctx, trace } = visit;
  const { userId } = session.account;
  const app = await findConnectedApp(env, userId, form.get("grantId") ?? "");
  if (!app)
    return refuse(visit, 404, "Not connected any more", "That app has no access to your account.", ACCOUNT_LINK);
  await revokeGrant(env, ctx, userId, app, trace);
  return redirect("/apps");
});

/** POST /apps/revoke-all: ends every app's access and every browser session, this one included. */
export const revokeEverything = onAccountSubmit("/apps/revoke-all", async ({ env, ctx, trace }, _form, session) => {
  await revokeUser(env, ctx, session.account.userId, trace);
  return respond({ ...disconnectedPage(), cookies: [clearedSessionCookie()] });
});

/** POST /apps/keys: makes an API key, and shows it this once. */
export const createKey = onAccountSubmit("/apps/keys", async (visit, form, session) => {
  const asked = keyAskedFor(form);
  if ("problem" in asked)
    return show(visit, session, keyFormPage(await accountFormTokens(visit, session), form.get("once") ?? "", asked));
  const owner = await confirmed(visit, "No key was made");
  if (owner instanceof Response) return owner;
  if (!(await claimForm(visit, form, session))) {
    return alreadyUsed(
      visit,
      "This form has made its key, which cannot be shown again. If you cannot use it, revoke it and make another.",
    );
  }
  const made = await visit.auth.order("createApiKey", identityOf(owner), asked);
  if (made.ok) {
    const { keyId, scopes } = made.value;
    note(visit, session, { type: "key.created", clientId: clientOfKey(keyId), scopes });
    return show(visit, session, newKeyPage(visit.config.resource, made.value));
  }
  if (!isFault(made.error)) return refuse(visit, 409, "No key was made", made.error.message, ACCOUNT_LINK);
  const text =
    "We got no answer, so a key may have been made. Look at your keys: revoke one that you cannot use, then try again.";
  return unavailable(visit, "Your key cannot be shown", text);
});

/** The key that the form asks for; or what is wrong with the form, first things first, and what else it says. */
function keyAskedFor(form: URLSearchParams): InputOf<typeof CreateApiKey> | TriedKey {
  const typed = form.get("name") ?? "";
  const name = cleanName(typed);
  const environment = KeyEnvironment.options.find((option) => option === form.get("environment"));
  const scopes = scopesIn(form);
  const lifetime = KEY_LIFETIMES.find(({ value }) => value === form.get("days"));
  const tried = { name: typed, environment, scopes, days: lifetime?.value };
  if (name === "" || name.length > KEY_NAME_MAX_CHARACTERS) {
    const problem = `Give the key a name of at most ${KEY_NAME_MAX_CHARACTERS} characters, so that you know it again.`;
    return { ...tried, problem, isNameWrong: true };
  }
  if (!environment) return { ...tried, problem: "Choose whether the key is live or for tests." };
  if (!scopes) return { ...tried, problem: "Choose whether the key may generate." };
  if (!lifetime) return { ...tried, problem: "Choose how long the key works." };
  return { name, environment, scopes, expiresInDays: lifetime.days };
}

/** POST /apps/keys/revoke */
export const revokeKey = onAccountSubmit("/apps/keys/revoke", async (visit, form, session) => {
  const keyId = form.get("keyId") ?? "";
  const gone = () =>
    refuse(
      visit,
      404,
      "No such key any more",
      "You have no key like that. It may have been revoked already.",
      ACCOUNT_LINK,
    );
  if (keyId === "" || keyId.length > KEY_ID_LIMIT) return gone();
  const revoked = await visit.auth.order("revokeApiKey", identityOf(session), { keyId });
  deleteKeyCredentials(visit.env, keyId);
  if (revoked.ok) {
    note(visit, session, { type: "key.revoked", clientId: clientOfKey(keyId) });
    return redirect("/apps#keys");
  }
  if (!isFault(revoked.error)) return gone();
  return unavailable(
    visit,
    "The key may still work",
    "We got no answer, so we do not know whether it was revoked. Try again in a moment.",
  );
});

/** POST /apps/token: makes a bearer for an hour, and shows it this once. */
export const makeToken = onAccountSubmit("/apps/token", async (visit, form, session) => {
  const { resource } = visit.config;
  const scopes = scopesIn(form);
  if (!scopes) return refuse(visit, 400, "No token was made", "Choose whether the token may generate.", ACCOUNT_LINK);
  const owner = await confirmed(visit, "No token was made");
  if (owner instanceof Response) return owner;
  if (!(await claimForm(visit, form, session))) {
    return alreadyUsed(
      visit,
      "This form has made its token, which cannot be shown again. You can make another at any time.",
    );
  }
  const minted = await visit.auth.order("mintToken", identityOf(owner), { audience: resource, scopes });
  if (!minted.ok) {
    if (!isFault(minted.error)) return refuse(visit, 409, "No token was made", minted.error.message, ACCOUNT_LINK);
    return unavailable(visit, "No token right now", "We got no answer. Wait a moment, then try again.");
  }
  note(visit, session, { type: "token.minted", clientId: null, scopes });
  return show(visit, session, newTokenPage(resource, minted.value, scopes));
});

/** GET /logout: asks, because a link must not sign anybody out. */
export async function showLogout(visit: BrowserRequest): Promise<Response> {
  const session = await sessionOf(visit);
  if (!session) return nobody();
  return show(visit, session, signOutPage(session.account.email, await accountFormTokens(visit, session)));
}

/** POST /logout: ends the session, so that a copy of its cookie is worth nothing either. */
export const logOut = onAccountSubmit(
  "/logout",
  async (visit, _form, session) => {
    await endSession(visit, session);
    note(visit, session, { type: "session.ended", clientId: null });
    return respond({ ...signedOutPage(), cookies: [clearedSessionCookie()] });
  },
  nobody,
);

/** What the contract allows. */
const KEY_ID_LIMIT = 64;

/** The person themselves, at the gateway's own page. */
function identityOf({ account: { userId, tenantId, tier } }: BrowserSession): Identity {
  return { subject: userId, tenantId, tier, scopes: ["read", "generate"], clientId: "gateway" };
}

/** The session as the auth Worker knows its account now: what is made here outlives the session. Or why nothing is made. */
async function confirmed(visit: BrowserRequest, title: string): Promise<BrowserSession | Response> {
  const owner = await signedInSession(visit);
  if (owner === AUTH_UNAVAILABLE)
    return unavailable(visit, title, "Your account could not be checked. Wait a moment, then try again.");
  return owner ?? signInForOwnPage(visit);
}

/** The auth Worker could not be asked, or gave no usable answer; what it refuses by name has a sentence of its own. */
function isFault({ code }: Refusal): boolean {
  return code === "unavailable" || code === "internal";
}

/** `read` always, and `generate` where it was ticked; `null` for anything else that our pages do not send. */
function scopesIn(form: URLSearchParams): Scope[] | null {
  const scope = form.get("scope");
  if (scope === null) return ["read"];
  return scope === "generate" ? ["read", "generate"] : null;
}

/** A page of somebody signed in; looking at it keeps the session going. */
async function show({ keys }: BrowserRequest, session: BrowserSession, page: Page): Promise<Response> {
  return respond({ ...page, cookies: [await sessionCookie(keys, session)] });
}

function nobody(): Response {
  return respond({ ...nobodyPage(), cookies: [clearedSessionCookie()] });
}

function alreadyUsed(visit: BrowserRequest, text: string): Response {
  return refuse(visit, 400, "Already used", text, ACCOUNT_LINK);
}

/** The auth Worker gave no answer, which is logged already. */
function unavailable(visit: BrowserRequest, title: string, text: string): Response {
  return refuse(visit, 503, title, text, { ...ACCOUNT_LINK, headers: { "Retry-After": "10" } });
}

function note(
  { env, ctx, trace }: BrowserRequest,
  { account }: BrowserSession,
  change: Pick<AccessEvent, "type" | "clientId" | "scopes">,
): void {
  recordAccess(env.PLATFORM_EVENTS_QUEUE, ctx, trace.traceId, { ...change, subject: account.userId });
}
