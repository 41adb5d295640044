// A fake auth Worker whose methods all throw. It runs under the real Worker's name.
import { WorkerEntrypoint } from "cloudflare:workers";

export class AuthEntrypoint extends WorkerEntrypoint {
  authenticateUser(): never {
    return crash();
  }

  validateApiKey(): never {
    return crash();
  }

  validateJwt(): never {
    return crash();
  }
}

function crash(): never {
  throw new Error("D1 is gone: hunter2");
}

export default {};
