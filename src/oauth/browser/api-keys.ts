// API keys and access tokens of the account page. The auth Worker creates and revokes them, in the
// user's name.
import { type CreateApiKey, KEY_NAME_MAX_CHARACTERS, KeyEnvironment } from "../../../contracts/auth.ts";
import type { Refusal } from "../../../contracts/rpc/call.ts";
import type { Scope } from "../../../contracts/rpc/identity.ts";
import type { InputOf } from "../../../contracts/rpc/operation.ts";
import { cleanName } from "../authorization-server/client-name.ts";
import { KEY_LIFETIMES, keyFormPage, newKeyPage, newTokenPage, type RejectedKeyForm } from "../pages/api-keys.ts";
import { redirect } from "../pages/page.ts";
import { clientIdOfKey, deleteKeyCredentials } from "../resource-server/credential-cache.ts";
import {
  ACCOUNT_LINK,
  accountFormTokens,
  accountUnavailable,
  answerAccountForm,
  readAccountForm,
  type SubmittedAccountForm,
} from "./account-forms.ts";
import { identityOf, recordChange, signedInPage } from "./account-session.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { errorPage } from "./error-pages.ts";
import type { BrowserSession } from "./session.ts";
import { signInForAccount } from "./sign-in.ts";

/** From the contract of `revokeApiKey`. */
const MAX_KEY_ID_LENGTH = 64;

/** POST /apps/keys: creates an API key and shows it once. */
export async function createKey(browser: BrowserRequest): Promise<Response> {
  const submitted = await readAccountForm(browser, "/apps/keys", signInForAccount);
  if (submitted instanceof Response) return submitted;
  const { form, session } = submitted;
  const requested = requestedKey(form);
  if ("problem" in requested) {
    const tokens = await accountFormTokens(browser, session);
    return signedInPage(browser, session, keyFormPage(tokens, form.get("once") ?? "", requested, browser.texts));
  }
  const used =
    "This form has created its key, which cannot be shown again. If you do not have it, revoke it and create another.";
  return answerAccountForm(browser, submitted, () => createAndShow(browser, session, requested), used);
}

async function createAndShow(
  browser: BrowserRequest,
  owner: BrowserSession,
  requested: InputOf<typeof CreateApiKey>,
): Promise<Response> {
  const created = await browser.auth.call("createApiKey", identityOf(owner), requested);
  if (created.ok) {
    const { keyId, scopes } = created.value;
    await recordChange(browser, owner, { type: "key.created", clientId: clientIdOfKey(keyId), scopes });
    return signedInPage(browser, owner, newKeyPage(browser.config.resource, created.value, browser.texts));
  }
  if (!isFault(created.error)) return notCreated(browser, "No key was created", created.error);
  const text =
    "We got no reply, so a key may have been created. Check your keys: revoke one that you do not have, then try again.";
  return accountUnavailable(browser, "Your key cannot be shown", text);
}

/** The key that the form requests; or the form's first mistake, with the other values. */
function requestedKey(form: URLSearchParams): InputOf<typeof CreateApiKey> | RejectedKeyForm {
  const entered = form.get("name") ?? "";
  const name = cleanName(entered);
  const environment = KeyEnvironment.options.find((option) => option === form.get("environment"));
  const scopes = scopesIn(form);
  const lifetime = KEY_LIFETIMES.find(({ value }) => value === form.get("days"));
  const values = { name: entered, environment, scopes, days: lifetime?.value };
  if (name === "" || name.length > KEY_NAME_MAX_CHARACTERS) {
    const problem = `Give the key a name of at most ${KEY_NAME_MAX_CHARACTERS} characters, so that you recognize it.`;
    return { ...values, problem, isNameWrong: true };
  }
  if (!environment) return { ...values, problem: "Choose whether the key is live or for tests." };
  if (!scopes) return { ...values, problem: "Choose whether the key may generate." };
  if (!lifetime) return { ...values, problem: "Choose how long the key works." };
  return { name, environment, scopes, expiresInDays: lifetime.days };
}

/** POST /apps/keys/revoke */
export async function revokeKey(browser: BrowserRequest): Promise<Response> {
  const submitted = await readAccountForm(browser, "/apps/keys/revoke", signInForAccount);
  if (submitted instanceof Response) return submitted;
  return answerAccountForm(browser, submitted, () => revokeNamedKey(browser, submitted));
}

async function revokeNamedKey(browser: BrowserRequest, { form, session }: SubmittedAccountForm): Promise<Response> {
  const keyId = form.get("keyId") ?? "";
  if (keyId === "" || keyId.length > MAX_KEY_ID_LENGTH) return noSuchKey(browser);
  const revoked = await browser.auth.call("revokeApiKey", identityOf(session), { keyId });
  deleteKeyCredentials(browser.config, keyId);
  if (revoked.ok) {
    await recordChange(browser, session, { type: "key.revoked", clientId: clientIdOfKey(keyId) });
    return redirect("/apps#keys");
  }
  if (!isFault(revoked.error)) return noSuchKey(browser);
  const text = "We got no reply, so we do not know whether it was revoked. Try again in a moment.";
  return accountUnavailable(browser, "The key may still work", text);
}

function noSuchKey(browser: BrowserRequest): Response {
  return errorPage(browser, {
    status: 404,
    title: "No such key",
    text: "You have no key like that. It may have been revoked already.",
    link: ACCOUNT_LINK,
  });
}

/** POST /apps/token: creates an access token for an hour and shows it once. */
export async function createToken(browser: BrowserRequest): Promise<Response> {
  const submitted = await readAccountForm(browser, "/apps/token", signInForAccount);
  if (submitted instanceof Response) return submitted;
  const scopes = scopesIn(submitted.form);
  if (!scopes) {
    const text = "Choose whether the token may generate.";
    return errorPage(browser, { status: 400, title: "No token was created", text, link: ACCOUNT_LINK });
  }
  const used = "This form has created its token, which cannot be shown again. You can create another at any time.";
  return answerAccountForm(browser, submitted, () => mintAndShow(browser, submitted.session, scopes), used);
}

async function mintAndShow(browser: BrowserRequest, owner: BrowserSession, scopes: Scope[]): Promise<Response> {
  const { resource } = browser.config;
  const minted = await browser.auth.call("mintToken", identityOf(owner), { audience: resource, scopes });
  if (minted.ok) {
    await recordChange(browser, owner, { type: "token.minted", clientId: null, scopes });
    return signedInPage(browser, owner, newTokenPage(resource, minted.value, scopes, browser.texts));
  }
  if (!isFault(minted.error)) return notCreated(browser, "No token was created", minted.error);
  return accountUnavailable(browser, "No token right now", "We got no reply. Wait a moment, then try again.");
}

/** A refusal by the auth Worker, in the contract's words. */
function notCreated(browser: BrowserRequest, title: string, { message }: Refusal): Response {
  return errorPage(browser, { status: 409, title, text: message, link: ACCOUNT_LINK });
}

/**
 * True if the auth Worker gave no usable reply. Its refusals have codes and sentences of their own.
 */
function isFault({ code }: Refusal): boolean {
  return code === "unavailable" || code === "internal";
}

/**
 * `read` always, and `generate` if it was ticked; `null` for a value that our pages do not send.
 */
function scopesIn(form: URLSearchParams): Scope[] | null {
  const scope = form.get("scope");
  if (scope === null) return ["read"];
  return scope === "generate" ? ["read", "generate"] : null;
}
