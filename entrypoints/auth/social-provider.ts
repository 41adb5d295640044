// The interface of an identity provider, as the social bridge uses it.
import type { SocialProvider } from "../../contracts/auth.ts";
import type { Settings } from "./settings.ts";

/**
 * The values of one sign-in at a provider. All are generated here; the provider receives `state`,
 * the challenge, the nonce and the redirect URI with the authorization request, the verifier with
 * the code.
 */
export interface AuthorizationRequest {
  readonly state: string;
  /** PKCE with the provider (RFC 7636). */
  readonly codeVerifier: string;
  readonly codeChallenge: string;
  /** Binds an ID token to this sign-in (OpenID Connect Core, section 3.1.2.1). */
  readonly nonce: string;
  readonly redirectUri: string;
}

/** A user as a provider describes them. */
export interface ProviderUser {
  /** The user's id at the provider. It never changes; the address may. */
  readonly accountId: string;
  readonly email: string;
  /** True if the provider has verified that the address belongs to the user. */
  readonly isEmailVerified: boolean;
  readonly name: string;
}

export interface Provider {
  /** The only valid value of the callback's `iss` parameter, if there is one (RFC 9207). */
  readonly issuer: string;
  /** The URL at the provider that asks the user. */
  authorizationUrl(request: AuthorizationRequest): string;
  /** Redeems the callback's code and returns the user. Throws on any unexpected response. */
  redeem(code: string, request: AuthorizationRequest): Promise<ProviderUser>;
}

/** The longest wait for one response of a provider, in milliseconds. */
export const PROVIDER_TIMEOUT_MS = 5_000;

/** Returns the provider of this name, or `null` if this deployment has none. */
export type ProviderLookup = (settings: Settings, name: SocialProvider) => Provider | null;
