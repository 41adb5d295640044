// Mistakes in tools, and in calls from a sibling Worker, that must not compile.
import type { ToolBackendName } from "../../contracts/backends.ts";
import type { Explanation, GatewayCode, GatewayContract, GatewaySession, ToolName } from "../../contracts/gateway.ts";
import { type ImageJob, type imgForge, ListModels } from "../../contracts/img-forge.ts";
import { contract } from "../../contracts/rpc/contract.ts";
import type { CodeOf } from "../../contracts/rpc/operation.ts";
import { text } from "../../src/tools/content.ts";
import type { Product } from "../../src/tools/product.ts";
import { type ToolDeclaration, toolsFrom, toolsOf } from "../../src/tools/tool-definition.ts";

type Definition<Name extends keyof (typeof imgForge)["tools"]> = ToolDeclaration<typeof imgForge, Name>;

const words = { title: "t", description: "d" };
const free = { ...words, price: 0 };
const definitions = {
  image_generate: { ...words, risk: "EXTERNAL_MUTATION", price: 2 },
  image_list_models: { ...words, risk: "READ_ONLY", price: 0 },
  image_check_job: { ...words, risk: "READ_ONLY", price: 0 },
} as const;
toolsOf("IMG_FORGE", definitions);

// A tool without a risk.
// @ts-expect-error risk is missing
export const riskless: Definition<"image_check_job"> = { ...free };
// A risk that does not exist.
// @ts-expect-error "HARMLESS" is not a risk
export const harmless: Definition<"image_check_job"> = { ...free, risk: "HARMLESS" };
// A tool without a price.
// @ts-expect-error price is missing
export const priceless: Definition<"image_check_job"> = { ...words, risk: "READ_ONLY" };
type Drawing = Definition<"image_generate">["price"];
const credits = { draft: 1, standard: 1, premium: 3, ultra: 5, ultra_plus: 8 };
({ by: "quality_tier", credits }) satisfies Drawing;
const { ultra_plus: _, ...fewer } = credits;
// A choice without a price.
// @ts-expect-error ultra_plus has no price
({ by: "quality_tier", credits: fewer }) satisfies Drawing;
// A price for a choice that does not exist.
({
  by: "quality_tier",
  // @ts-expect-error "best" is not a choice
  credits: { draft: 1, standard: 1, premium: 3, ultra: 5, ultra_plus: 8, best: 9 },
}) satisfies Drawing;
// A price by an argument that is no list of choices, and by one that does not exist.
// @ts-expect-error prompt is any text
({ by: "prompt", credits: {} }) satisfies Drawing;
// @ts-expect-error there is no size
({ by: "size", credits: {} }) satisfies Drawing;
type Plans = NonNullable<Definition<"image_generate">["plans"]>;
const plans = { draft: [], standard: [], premium: [], ultra: [], ultra_plus: ["pro"] } as const;
({ by: "quality_tier", plans, code: "tier_not_in_plan" }) satisfies Plans;
const { draft: __, ...fewerPlans } = plans;
// A choice without its plans, and a code that the contract does not list.
// @ts-expect-error draft has no plans
({ by: "quality_tier", plans: fewerPlans, code: "tier_not_in_plan" }) satisfies Plans;
// @ts-expect-error there is no such code
({ by: "quality_tier", plans, code: "too_poor" }) satisfies Plans;
// A result rendered with a field that the operation does not return.
export const wrongField: Definition<"image_check_job"> = {
  ...free,
  risk: "READ_ONLY",
  // @ts-expect-error a job has no `pictureUrl`
  render: async (job) => [text(job.pictureUrl)],
};
// The result of one operation, rendered as the result of another.
export const swapped: Definition<"image_list_models"> = {
  ...free,
  risk: "READ_ONLY",
  // @ts-expect-error a list of models is not a job
  render: async (job: ImageJob) => [text(job.job_id)],
};

// A tool of the contract without a declaration.
// @ts-expect-error image_generate and image_check_job are missing
toolsOf("IMG_FORGE", { image_list_models: definitions.image_list_models });
// A tool that is not in the contract.
// @ts-expect-error image_delete is not in the contract
toolsOf("IMG_FORGE", { ...definitions, image_delete: { ...free, risk: "DESTRUCTIVE" } });
// A backend without a binding.
// @ts-expect-error BILLING is not a binding with tools
toolsOf("BILLING", {});
// A backend without tools.
// @ts-expect-error AUTH_SERVICE has no tools
toolsOf("AUTH_SERVICE", {});
// A contract that contracts/backends.ts does not list.
const billing = contract({ audience: "billing", prefix: "billing", methods: {}, tools: {}, internal: [] });
// @ts-expect-error "billing" is not an audience
toolsFrom("IMG_FORGE", billing, {});
// The only tool of a backend, named like its prefix.
const single = contract({
  audience: "img-forge",
  prefix: "echo",
  methods: { echo: ListModels },
  tools: { echo: "echo" },
  internal: [],
});
toolsFrom("IMG_FORGE", single, { echo: { ...free, risk: "READ_ONLY" } });
// @ts-expect-error echo is missing
toolsFrom("IMG_FORGE", single, {});

// A product for each backend with tools, and for no other one.
type Products = { readonly [B in ToolBackendName]: Product<B> };
declare const products: Products;
const { IMG_FORGE: images, ...others } = products;
// @ts-expect-error IMG_FORGE is missing
export const incomplete: Products = others;
// @ts-expect-error the product of another backend
export const mixed: Products = { ...products, STACKBILDER: images };

declare const gateway: GatewayContract;
// @ts-expect-error there is no such tool
await gateway.callTool("flow_destroy", {});
// @ts-expect-error projectDescription is required
await gateway.callTool("flow_create", {});
// @ts-expect-error there is no such tier
await gateway.callTool("image_generate", { prompt: "x", quality_tier: "best" });
// @ts-expect-error a credential is a token, not a user id
await gateway.callTool("image_list_models", {}, { credential: { userId: "u1" } });
// @ts-expect-error a credential is of one kind
await gateway.callTool("image_list_models", {}, { credential: { accessToken: "a", apiKey: "k" } });
await gateway.callTool("image_list_models", {}, { credential: { apiKey: "k" } });
await gateway.callTool("image_list_models", {}, { credential: { jwt: "j" } });

const flow = await gateway.callTool("flow_create", { projectDescription: "x", policy: { profile: "strict" } });
if (flow.ok) {
  flow.value.flowId satisfies string;
  // @ts-expect-error a flow has no job_id
  flow.value.job_id;
} else {
  flow.error.traceId satisfies string;
  flow.error.code satisfies GatewayCode;
  // @ts-expect-error flow_create never returns this code
  flow.error.code satisfies "job_not_found";
}

const session = gateway.session({ apiKey: "k" });
// One expression: the session is not awaited.
const picture = await session.image_generate({ prompt: "x", quality_tier: "draft" });
if (picture.ok) {
  picture.value satisfies ImageJob;
  // @ts-expect-error a picture has no flowId
  picture.value.flowId;
} else {
  picture.error.code satisfies GatewayCode | CodeOf<(typeof imgForge)["methods"]["generateImage"]>;
  // @ts-expect-error image_generate never returns this code
  picture.error.code satisfies "flow_not_found";
}
await session.image_list_models();
await session.image_list_models({}, { traceparent: "t", idempotencyKey: "k", onProgress: () => "continue" });
// The session itself can be awaited, and disposed.
using opened = await session;
(await opened.tools()).ok satisfies boolean;
// Every tool is a method, and nothing else is.
type Tools = Exclude<keyof GatewaySession, "tools" | "explain" | "only" | symbol>;
"flow_advance" satisfies Tools;
export const everyTool = (name: ToolName): Tools => name;
export const onlyTools = (name: Tools): ToolName => name;
// @ts-expect-error there is no such tool
await session.flow_destroy({});
// @ts-expect-error prompt is required
await session.image_generate();
// @ts-expect-error a session has its credential already
await session.image_list_models({}, { credential: { apiKey: "k" } });
// @ts-expect-error a credential is of one kind
await gateway.session({ apiKey: "k", jwt: "j" });
const narrow = session.only("image_list_models", "flow_status");
await narrow.image_list_models();
const explained = await narrow.explain("flow_status", { flowId: "f" });
if (explained.ok) explained.value satisfies Explanation;
// @ts-expect-error image_generate was left out
await narrow.explain("image_generate", { prompt: "x" });
// @ts-expect-error there is no such tier
await gateway.explain("image_generate", { prompt: "x", quality_tier: "best" });
// @ts-expect-error image_generate was left out
await narrow.image_generate({ prompt: "x" });
// @ts-expect-error it cannot be had back
await narrow.only("image_generate");
await narrow.only("flow_status").flow_status({ flowId: "f" });
