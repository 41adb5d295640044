// The local auth Worker on a slow line: each call of a sign-in, a decision or a new key takes a
// while, so that a user presses a button twice before there is an answer.
import { AuthEntrypoint as RealAuthEntrypoint } from "../../entrypoints/auth/worker.ts";

export { default } from "../../entrypoints/auth/local.ts";
export { LedgerObject } from "../../entrypoints/auth/worker.ts";

const DELAY_MS = 400;

export class AuthEntrypoint extends RealAuthEntrypoint {
  override authenticateUser(
    ...args: Parameters<RealAuthEntrypoint["authenticateUser"]>
  ): ReturnType<RealAuthEntrypoint["authenticateUser"]> {
    return later(() => super.authenticateUser(...args));
  }

  override registerUser(
    ...args: Parameters<RealAuthEntrypoint["registerUser"]>
  ): ReturnType<RealAuthEntrypoint["registerUser"]> {
    return later(() => super.registerUser(...args));
  }

  override getUser(...args: Parameters<RealAuthEntrypoint["getUser"]>): ReturnType<RealAuthEntrypoint["getUser"]> {
    return later(() => super.getUser(...args));
  }

  override createApiKey(
    ...args: Parameters<RealAuthEntrypoint["createApiKey"]>
  ): ReturnType<RealAuthEntrypoint["createApiKey"]> {
    return later(() => super.createApiKey(...args));
  }

  override mintToken(
    ...args: Parameters<RealAuthEntrypoint["mintToken"]>
  ): ReturnType<RealAuthEntrypoint["mintToken"]> {
    return later(() => super.mintToken(...args));
  }
}

function later<T>(call: () => Promise<T>): Promise<T> {
  return new Promise((resolve) => setTimeout(resolve, DELAY_MS)).then(call);
}
