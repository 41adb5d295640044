// No deadlines: work is waited for as long as it takes.
import * as original from "../../../contracts/rpc/deadlines.ts";

export * from "../../../contracts/rpc/deadlines.ts";

export class Deadlines extends original.Deadlines {
  override async within(send: () => PromiseLike<unknown>): Promise<unknown> {
    return send();
  }
}
