// The path of every read of a resource: authorize, dispatch, record. A resource of another user is
// reported like one that does not exist.
import { imgForge, ReadImage } from "../../contracts/img-forge.ts";
import { logCrash } from "../../contracts/log.ts";
import type { Refusal } from "../../contracts/rpc/call.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import type { OutputOf } from "../../contracts/rpc/operation.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import { Recorder } from "../audit/recorder.ts";
import { dispatch } from "../backends/dispatch.ts";
import type { RequestContext } from "../context.ts";
import type { ReadResourceResult } from "../mcp/port.ts";
import { jobIdOf, PICTURE_LIMIT_BYTES, PICTURES } from "../resources/picture.ts";
import { VIEW_META } from "../resources/view.ts";
import { views } from "../resources/views.ts";
import { readAsBase64 } from "../tools/base64.ts";
import { missingScopes } from "./authorize.ts";
import { overPlan } from "./metering.ts";

/** A completed picture never changes. */
const PICTURE_TTL_MS = 86_400_000;
/** Views change with a deployment. */
const VIEW_TTL_MS = 300_000;
/** From the first byte of a picture to the last. */
const BODY_TIMEOUT_MS = 20_000;

/**
 * Reads a view, or a picture of the identity's tenant. Every read within the plan's rate has its
 * audit record. Never throws.
 */
export async function readResource(
  context: RequestContext,
  identity: Identity,
  uri: string,
): Promise<ReadResourceResult> {
  const over = await overPlan(context, identity);
  if (over) return over;
  const recorder = new Recorder(context, identity, "mcp");
  const view = views.get(uri);
  const jobId = jobIdOf(uri);
  if (!view && jobId === null) {
    recorder.resourceRead({ resource: null, input: { uri }, schema: null }, "unknown_resource", "unknown_resource");
    return { state: "not_found" };
  }
  const name = view?.name ?? PICTURES.name;
  const input = jobId === null ? {} : { job_id: jobId };
  const read = { resource: name, input, schema: ReadImage.input };
  const scopes = missingScopes({ scope: "read" }, identity);
  if (scopes) {
    recorder.resourceRead(read, "insufficient_scope", "insufficient_scope");
    return { state: "insufficient_scope", scopes };
  }
  if (view) {
    recorder.resourceRead(read, "allowed", "ok");
    const contents = [{ uri, mimeType: view.mimeType, text: view.html, _meta: VIEW_META }];
    return { state: "read", contents, ttlMs: VIEW_TTL_MS };
  }
  const picture = await readPicture(context, identity, jobId ?? "");
  recorder.resourceRead(read, "allowed", picture.ok ? "ok" : picture.error.code);
  return pictureResult(context, uri, picture);
}

function pictureResult({ trace }: RequestContext, uri: string, picture: Result<string, Refusal>): ReadResourceResult {
  if (picture.ok) {
    const contents = [{ uri, mimeType: PICTURES.mimeType, blob: picture.value }];
    return { state: "read", contents, ttlMs: PICTURE_TTL_MS };
  }
  const { code, message } = picture.error;
  if (code === "job_not_found") return { state: "not_found" };
  return { state: "failed", message: `${message} (code ${code}, trace id ${trace.traceId})` };
}

const TOO_LARGE: Refusal = {
  code: "picture_too_large",
  message: `This picture is larger than ${PICTURE_LIMIT_BYTES} bytes and cannot be read here. image_check_job returns its URL.`,
};
const INCOMPLETE: Refusal = { code: "unavailable", message: "The picture did not arrive in full. Try again shortly." };

/** The picture as base64. */
async function readPicture(
  context: RequestContext,
  identity: Identity,
  job_id: string,
): Promise<Result<string, Refusal>> {
  const method = "readImage";
  const { audience } = imgForge;
  const call = { backend: "IMG_FORGE", audience, method, operation: ReadImage, identity } as const;
  const reply = await dispatch(context, call, { job_id });
  if (!reply.ok) return reply;
  try {
    return await readBody(reply.value);
  } catch (error) {
    logCrash("resource.unread", { traceId: context.trace.traceId }, error);
    return { ok: false, error: INCOMPLETE };
  }
}

/** Throws if the body breaks off or takes longer than `BODY_TIMEOUT_MS`. */
async function readBody({ body, size_bytes }: OutputOf<typeof ReadImage>): Promise<Result<string, Refusal>> {
  if (size_bytes > PICTURE_LIMIT_BYTES) {
    void body.cancel().catch(() => undefined); // a stream that cannot be cancelled is not read either
    return { ok: false, error: TOO_LARGE };
  }
  const blob = await readAsBase64(body, PICTURE_LIMIT_BYTES, BODY_TIMEOUT_MS);
  return blob === null ? { ok: false, error: TOO_LARGE } : { ok: true, value: blob };
}
