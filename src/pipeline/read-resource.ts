// One path for every read of a resource: authorize, dispatch, audit. What belongs to somebody else is answered like what does not exist.
import { imgForge, ReadImage } from "../../contracts/img-forge.ts";
import { type Refusal, TIMED_OUT, withDeadline } from "../../contracts/rpc/call.ts";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import type { Identity, Scope } from "../../contracts/rpc/identity.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import type { Channel, ReadEvent } from "../audit/event.ts";
import { summarize } from "../audit/redact.ts";
import { type Background, record } from "../audit/sinks.ts";
import { dispatch } from "../backends/dispatch.ts";
import type { Trace } from "../context.ts";
import type { Env } from "../env.ts";
import { jobIdOf, PICTURE_LIMIT_BYTES, PICTURES } from "../resources/picture.ts";
import { VIEW_META, type View } from "../resources/view.ts";
import { views } from "../resources/views.ts";
import { readAsBase64 } from "../tools/base64.ts";
import { missingScopes } from "./authorize.ts";

/** One wish to read a resource, and for whom. */
export interface ReadRequest {
  readonly uri: string;
  readonly caller: Identity;
  readonly trace: Trace;
  readonly channel: Channel;
}

/** Contents of one resource; `blob` is base64. */
type Contents = { readonly uri: string; readonly mimeType: string; readonly _meta?: object } & (
  | { readonly text: string }
  | { readonly blob: string }
);

/** What a read ended with. Every one of them already has its audit record. */
export type ReadAnswer =
  | { readonly state: "not_found" }
  | { readonly state: "insufficient_scope"; readonly scopes: readonly Scope[] }
  | { readonly state: "failed"; readonly message: string }
  | { readonly state: "read"; readonly contents: readonly Contents[]; readonly ttlMs: number };

/** A finished picture never changes. */
const PICTURE_TTL_MS = 86_400_000;
/** Views change with a deployment. */
const VIEW_TTL_MS = 300_000;
/** From the picture's first byte to its last. */
const BODY_TIMEOUT_MS = 20_000;

/** Reads a view, or a picture of the caller's. Never throws. */
export async function readResource(env: Env, background: Background, request: ReadRequest): Promise<ReadAnswer> {
  const { uri, caller, trace } = request;
  const view = views.get(uri);
  const jobId = jobIdOf(uri);
  const audit = auditor(env, background, request, view, jobId);
  if (!view && jobId === null) {
    audit("unknown_resource", "unknown_resource");
    return { state: "not_found" };
  }
  const scopes = missingScopes({ scope: "read" }, caller);
  if (scopes) {
    audit("insufficient_scope", "insufficient_scope");
    return { state: "insufficient_scope", scopes };
  }
  if (view) {
    audit("allowed", "ok");
    return {
      state: "read",
      contents: [{ uri, mimeType: view.mimeType, text: view.html, _meta: VIEW_META }],
      ttlMs: VIEW_TTL_MS,
    };
  }
  const picture = await readPicture(env, jobId ?? "", caller, trace);
  audit("allowed", picture.ok ? "ok" : picture.error.code);
  if (picture.ok) {
    return {
      state: "read",
      contents: [{ uri, mimeType: PICTURES.mimeType, blob: picture.value }],
      ttlMs: PICTURE_TTL_MS,
    };
  }
  const { code, message } = picture.error;
  if (code === "job_not_found") return { state: "not_found" };
  return { state: "failed", message: `${message} (code ${code}, trace id ${trace.traceId})` };
}

const TOO_LARGE: Refusal = {
  code: "picture_too_large",
  message: `This picture is larger than ${PICTURE_LIMIT_BYTES} bytes, so it is not read here. image_check_job tells its URL.`,
};
const CUT_SHORT: Refusal = { code: "unavailable", message: "The picture did not arrive whole. Try again shortly." };

/** The picture as base64. */
async function readPicture(env: Env, job_id: string, caller: Identity, trace: Trace): Promise<Result<string, Refusal>> {
  const target = { name: "readImage", backend: "IMG_FORGE", audience: imgForge.audience } as const;
  const answer = await dispatch(env, target, target.name, ReadImage, { job_id }, { caller, trace });
  if (!answer.ok) return answer;
  const { body, size_bytes } = answer.value;
  try {
    if (size_bytes > PICTURE_LIMIT_BYTES) {
      void body.cancel().catch(() => undefined); // a stream that cannot be cancelled is not read either
      return { ok: false, error: TOO_LARGE };
    }
    const read = await withDeadline(() => readAsBase64(body, PICTURE_LIMIT_BYTES), BODY_TIMEOUT_MS);
    if (read === TIMED_OUT) throw new Error("a picture did not arrive in time");
    const blob = read as string | null; // `withDeadline` answers what it was given, or `TIMED_OUT`
    return blob === null ? { ok: false, error: TOO_LARGE } : { ok: true, value: blob };
  } catch (error) {
    console.error(JSON.stringify({ event: "resource.unread", traceId: trace.traceId, ...describeCrash(error) }));
    return { ok: false, error: CUT_SHORT };
  }
}

/** Makes the one record of a read. Its clock starts here. */
function auditor(
  env: Env,
  background: Background,
  { uri, caller, trace, channel }: ReadRequest,
  view: View | undefined,
  jobId: string | null,
) {
  const startedAt = Date.now();
  const { subject, tenantId, clientId, tier, scopes } = caller;
  return (decision: ReadEvent["decision"], outcome: string): void =>
    record(env.PLATFORM_EVENTS_QUEUE, background, {
      type: "resource.read",
      at: new Date().toISOString(),
      traceId: trace.traceId,
      ...{ channel, subject, tenantId, clientId, tier, scopes },
      resource: view?.name ?? (jobId === null ? null : PICTURES.name),
      decision,
      outcome,
      durationMs: Date.now() - startedAt,
      input: summarize(jobId === null ? (view ? {} : { uri }) : { job_id: jobId }),
    });
}
