// What must not compile about tools, and about calling them from a sibling Worker.
import type { GatewayCode, GatewayContract } from "../../contracts/gateway.ts";
import type { ImageJob, imgForge } from "../../contracts/img-forge.ts";
import { text } from "../../src/tools/content.ts";
import { type ToolDeclaration, toolsOf } from "../../src/tools/tool-definition.ts";

type Definition<Name extends keyof (typeof imgForge)["tools"]> = ToolDeclaration<typeof imgForge, Name>;

const words = { title: "t", description: "d" };
const definitions = {
  image_generate: { ...words, risk: "EXTERNAL_MUTATION", isPaid: true },
  image_list_models: { ...words, risk: "READ_ONLY" },
  image_check_job: { ...words, risk: "READ_ONLY" },
} as const;
toolsOf("IMG_FORGE", definitions);

// A tool without a risk.
// @ts-expect-error risk is missing
export const riskless: Definition<"image_check_job"> = { ...words };
// A risk that does not exist.
// @ts-expect-error "HARMLESS" is not a risk
export const harmless: Definition<"image_check_job"> = { ...words, risk: "HARMLESS" };
// A result shown by fields that the operation does not answer.
export const wrongField: Definition<"image_check_job"> = {
  ...words,
  risk: "READ_ONLY",
  // @ts-expect-error a job has no `pictureUrl`
  render: async (job) => [text(job.pictureUrl)],
};
// What one operation answers, shown as if another had answered it.
export const swapped: Definition<"image_list_models"> = {
  ...words,
  risk: "READ_ONLY",
  // @ts-expect-error a list of models is not a job
  render: async (job: ImageJob) => [text(job.job_id)],
};

// A tool of the contract that nobody defined.
// @ts-expect-error image_generate and image_check_job are missing
toolsOf("IMG_FORGE", { image_list_models: definitions.image_list_models });
// A tool that no contract has.
// @ts-expect-error image_delete is not in the contract
toolsOf("IMG_FORGE", { ...definitions, image_delete: { ...words, risk: "DESTRUCTIVE" } });
// A backend that no binding reaches.
// @ts-expect-error BILLING is not a binding with tools
toolsOf("BILLING", {});

declare const gateway: GatewayContract;
// @ts-expect-error there is no such tool
await gateway.callTool("flow_destroy", {});
// @ts-expect-error policy is required
await gateway.callTool("flow_create", {});
// @ts-expect-error there is no such tier
await gateway.callTool("image_generate", { prompt: "x", quality_tier: "best" });
// @ts-expect-error a credential is a token, not a user id
await gateway.callTool("image_list_models", {}, { credential: { userId: "u1" } });
// @ts-expect-error a credential is of one kind
await gateway.callTool("image_list_models", {}, { credential: { accessToken: "a", apiKey: "k" } });
await gateway.callTool("image_list_models", {}, { credential: { apiKey: "k" } });
await gateway.callTool("image_list_models", {}, { credential: { jwt: "j" } });

const flow = await gateway.callTool("flow_create", { policy: { profile: "strict" } });
if (flow.ok) {
  flow.value.flowId satisfies string;
  // @ts-expect-error a flow has no job_id
  flow.value.job_id;
} else {
  flow.error.traceId satisfies string;
  flow.error.code satisfies GatewayCode;
  // @ts-expect-error flow_create never answers this code
  flow.error.code satisfies "job_not_found";
}
