// Sessions of sibling Workers: every tool as an RPC method, for one credential. The methods are on
// the prototype, because own properties and proxies do not cross a binding.
import { RpcTarget } from "cloudflare:workers";
import * as v from "valibot";
import type { ExplanationResult, GatewayCode, ToolListing, ToolRefusal } from "../../contracts/gateway.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import type { Completed } from "../../src/pipeline/tool-call.ts";
import { type Catalog, catalog } from "../../src/tools/catalog.ts";
import { callForSibling, explainForSibling, type Invocation, listTools, SessionCallOptions } from "./sibling.ts";

/** Names that a stub, or the promise of one, has for itself. */
const RESERVED: readonly string[] = ["then", "catch", "finally", "dup"];

/** Implements `GatewaySession`. The methods of the tools are added below, from the catalog. */
export class SessionTarget extends RpcTarget {
  readonly #invocation: Invocation;
  /** The tools of this session. */
  readonly #tools: Catalog;
  #credential: unknown;

  /** `credential` is checked with each call, not here. */
  constructor(invocation: Invocation, tools: Catalog, credential: unknown) {
    super();
    this.#invocation = invocation;
    this.#tools = tools;
    this.#credential = credential;
  }

  tools(): Promise<Result<readonly ToolListing[], ToolRefusal<GatewayCode>>> {
    return listTools(this.#invocation, this.#tools, this.#credential);
  }

  /** `input` may be left out like that of a tool. */
  explain(name: unknown, input: unknown = {}): Promise<ExplanationResult> {
    const call = { catalog: this.#tools, credential: this.#credential, name, input };
    return explainForSibling(this.#invocation, call);
  }

  /**
   * Only narrows: a name that this session does not have adds no tool. A tool that is left out does
   * not exist for the new session, as if the catalog did not have it.
   */
  only(...names: readonly unknown[]): SessionTarget {
    const narrowed = Array.from(this.#tools).filter(([name]) => names.includes(name));
    return new SessionTarget(this.#invocation, new Map(narrowed), this.#credential);
  }

  /** Called when the sibling has disposed its stub. No credential remains: `null` is not valid. */
  [Symbol.dispose](): void {
    this.#credential = null;
  }

  #call(name: string, input: unknown, options: unknown): Promise<Completed["result"]> {
    const parsed = v.safeParse(SessionCallOptions, options ?? {});
    const call = { catalog: this.#tools, credential: this.#credential, name, input };
    return callForSibling(this.#invocation, { ...call, options: parsed.success ? parsed.output : null });
  }

  static {
    for (const name of catalog.keys()) {
      if (name in SessionTarget.prototype || RESERVED.includes(name))
        throw new Error(`Tool ${name}: sessions have another method of this name.`);
      Object.defineProperty(SessionTarget.prototype, name, {
        value(this: SessionTarget, input: unknown = {}, options?: unknown) {
          return this.#call(name, input, options);
        },
      });
    }
  }
}
