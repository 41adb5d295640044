// No audit record of a call: it is neither assembled, nor logged, nor sent.
import * as original from "../../../src/audit/recorder.ts";

export * from "../../../src/audit/recorder.ts";

export class Recorder extends original.Recorder {
  override toolCall(): void {}
}
