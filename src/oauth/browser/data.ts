// Downloading one's data: one JSON file with everything that the Workers hold about the user, sent
// while it is collected. What a Worker does not say is named at the end of the file.
import { BACKENDS, type BackendName } from "../../../contracts/backends.ts";
import type { ExportedItem } from "../../../contracts/rpc/export.ts";
import { type Identity, testTenantOf } from "../../../contracts/rpc/identity.ts";
import { exportFrom } from "../../backends/export.ts";
import { userObjectOf } from "../../durable/user-object.ts";
import { readAccountForm } from "./account-forms.ts";
import { identityOf, recordChange } from "./account-session.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { signInForAccount } from "./sign-in.ts";

/** POST /apps/data */
export async function downloadData(browser: BrowserRequest): Promise<Response> {
  const submitted = await readAccountForm(browser, "/apps/data", signInForAccount);
  if (submitted instanceof Response) return submitted;
  const { session } = submitted;
  await recordChange(browser, session, { type: "data.exported", clientId: null });
  const apps = await userObjectOf(browser.env, session.account.userId).listGrants();
  const parts = partsOf(browser, identityOf(session), apps);
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await parts.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    async cancel() {
      await parts.return(undefined);
    },
  });
  const day = new Date().toISOString().slice(0, 10);
  return new Response(body, {
    headers: {
      "Content-Type": "application/json; charset=utf-8",
      "Content-Disposition": `attachment; filename="stackbilt-data-${day}.json"`,
      "X-Content-Type-Options": "nosniff",
    },
  });
}

/** The file's text in parts. It is valid JSON, also if a backend fails. */
async function* partsOf(browser: BrowserRequest, identity: Identity, apps: readonly object[]): AsyncGenerator<string> {
  const missing: string[] = [];
  yield `{\n"createdAt": ${JSON.stringify(new Date().toISOString())},\n"connectedApps": ${JSON.stringify(apps)}`;
  for (const backend of Object.keys(BACKENDS) as BackendName[]) {
    const { audience } = BACKENDS[backend];
    yield `,\n${JSON.stringify(audience)}: [`;
    const isComplete = yield* itemsOf(browser, backend, identity);
    yield "]";
    if (!isComplete) missing.push(audience);
  }
  yield `,\n"incomplete": ${JSON.stringify(missing)}\n}\n`;
}

/** The items of the user's own tenant, then those of the test keys. */
async function* itemsOf(
  browser: BrowserRequest,
  backend: BackendName,
  identity: Identity,
): AsyncGenerator<string, boolean> {
  let separator = "\n";
  const { tenantId } = identity;
  for (const tenant of tenantId === null ? [] : [tenantId, testTenantOf(tenantId)]) {
    const pages = exportFrom(browser, backend, { ...identity, tenantId: tenant });
    for (;;) {
      const { value, done } = await pages.next();
      if (done) {
        if (!value) return false;
        break;
      }
      if (value.length === 0) continue;
      yield separator + value.map((item) => textOf(item, tenant !== tenantId)).join(",\n");
      separator = ",\n";
    }
  }
  return true;
}

/** Parsed and written again: a backend's text can break the file as little as a user's. */
function textOf({ kind, json }: ExportedItem, isTest: boolean): string {
  const item = parsed(json);
  return JSON.stringify({ kind, ...(isTest && { isTest }), ...item });
}

function parsed(json: string): object {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
