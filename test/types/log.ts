// Log lines that must not compile.
import { logCrash, logError, logInfo, logWarning } from "../../contracts/log.ts";

const error: unknown = null;
logError("rpc.fault", { fault: "timeout", method: "auth.getUser", timeoutMs: 5 });
logCrash("http.crashed", { traceId: "0" }, error);
logWarning("audit.gap", { first: 1, last: 2 });
logInfo("audit.gap_closed", {});

// An event that is not in the list.
// @ts-expect-error "rpc.strange" is no event
logError("rpc.strange", {});
// An event with the level of another one.
// @ts-expect-error audit.gap is a warning
logError("audit.gap", {});
// @ts-expect-error rpc.fault is an error
logWarning("rpc.fault", {});
// A field that no line has.
// @ts-expect-error email is no field
logError("rpc.fault", { email: "ada@example.com" });
const identity = { subject: "u_ada", tenantId: null };
// A field that no line has, among others that are spread.
// @ts-expect-error subject and tenantId are no fields
logCrash("http.crashed", { traceId: "0", ...identity }, error);
// A value of another type.
// @ts-expect-error a count is a number
logError("auth.revocations_undelivered", { count: "many" });
