// The gateway's entrypoints and classes without any code: the cost of its bindings.
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";

export class AuditLogObject extends DurableObject {}
export class ErasureObject extends DurableObject {}
export class GrantObject extends DurableObject {}
export class McpSessionObject extends DurableObject {}
export class OneTimeMark extends DurableObject {}
export class RateCounter extends DurableObject {}
export class UserObject extends DurableObject {}
export class GatewayEntrypoint extends WorkerEntrypoint {}
export class GatewayAdminEntrypoint extends WorkerEntrypoint {}

export default { fetch: () => new Response("{}") } satisfies ExportedHandler;
