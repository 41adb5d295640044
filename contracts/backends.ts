// The one list of backends: the name of the gateway's binding, and the contract. Tool names, the
// gateway's bindings, identity keys, the Workers of the npm scripts and the tables of the tests
// derive from it.
import { audit } from "./audit.ts";
import { auth } from "./auth.ts";
import { imgForge } from "./img-forge.ts";
import { stackbilder } from "./stackbilder.ts";

export const BACKENDS = {
  AUTH_SERVICE: auth,
  STACKBILDER: stackbilder,
  IMG_FORGE: imgForge,
  AUDIT: audit,
} as const;

export type Backends = typeof BACKENDS;

/** The name of a binding to a backend. */
export type BackendName = keyof Backends;

/** The name of a binding to a backend that has tools. */
export type ToolBackendName = {
  [B in BackendName]: keyof Backends[B]["tools"] extends never ? never : B;
}[BackendName];

/**
 * The audience of a backend's identity tokens. It is also the name of its folder in `entrypoints/`.
 */
export type Audience = Backends[BackendName]["audience"];
