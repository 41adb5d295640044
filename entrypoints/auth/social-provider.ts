// What the social bridge asks of an identity provider.
import type { SocialProvider } from "../../contracts/auth.ts";
import type { Settings } from "./settings.ts";
import type { SocialProfile } from "./users.ts";

/** One sign-in under way at a provider. All of it is ours; the provider sees `state`, the challenge and the nonce. */
export interface Dance {
  readonly state: string;
  /** PKCE towards the provider (RFC 7636). */
  readonly codeVerifier: string;
  readonly codeChallenge: string;
  /** Ties an ID token to this sign-in (OpenID Connect Core, section 3.1.2.1). */
  readonly nonce: string;
  readonly redirectUri: string;
}

export interface Provider {
  /** What an `iss` parameter of the callback must be, where there is one (RFC 9207). */
  readonly issuer: string;
  /** Where the browser goes to ask the person. */
  authorizationUrl(dance: Dance): string;
  /** Trades the callback's code for the person. Throws where the provider does not answer as it should. */
  identify(code: string, dance: Dance): Promise<Omit<SocialProfile, "provider">>;
}

/** How long to wait for one answer of a provider, in milliseconds. */
export const PROVIDER_TIMEOUT_MS = 5_000;

/** Which provider answers to a name; `null` where this deployment has none. */
export type ProviderChoice = (settings: Settings, name: SocialProvider) => Provider | null;
