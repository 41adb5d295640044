// An auth Worker that fails at everything, under the real one's name.
import { WorkerEntrypoint } from "cloudflare:workers";

export class AuthEntrypoint extends WorkerEntrypoint {
  authenticateUser(): never {
    return gone();
  }

  validateApiKey(): never {
    return gone();
  }

  validateJwt(): never {
    return gone();
  }
}

function gone(): never {
  throw new Error("D1 is gone: hunter2");
}

export default {};
