// resources/read: what a URI stands for, where the caller may see it.
import {
  type Answer,
  attempt,
  type Exchange,
  failureJson,
  finish,
  invalid,
  refuse,
  traceparentOf,
} from "./exchange.ts";
import { asideOf, missingCapability, pausedJson } from "./input.ts";
import { INTERNAL_ERROR, jsonResponse } from "./json-rpc.ts";

/** Answers one resources/read. */
export async function readResource(exchange: Exchange): Promise<Answer> {
  const { params, host, dialect } = exchange;
  const { uri } = params;
  if (typeof uri !== "string") return invalid(exchange, "params.uri is the resource's URI, a string.");
  const aside = asideOf(exchange);
  if (aside instanceof Response) return aside;
  const read = await attempt(exchange, () => host.readResource(uri, traceparentOf(params), aside));
  switch (read?.state) {
    case undefined:
      return jsonResponse(200, failureJson(exchange));
    case "not_found":
      return refuse(exchange, dialect.resourceNotFound, "There is no such resource here.", { uri });
    case "insufficient_scope":
      return { scopesNeeded: read.scopes };
    case "missing_capability":
      return missingCapability(exchange, read);
    case "input_required":
    case "invalid":
      return jsonResponse(200, pausedJson(exchange, aside, read));
    case "failed":
      return refuse(exchange, INTERNAL_ERROR, read.message);
    case "read":
      return finish(exchange, { contents: read.contents }, read.ttlMs);
  }
}
