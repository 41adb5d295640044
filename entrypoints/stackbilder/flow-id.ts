// Ids of flows: 26 letters and digits (Crockford's Base32, lower case), which cost a model half the
// tokens of the 64 hexadecimal digits of an object's id. The first 20, 100 bits, name the
// flow's object; the other 6 come from the id of that object, which depends on a key of the
// namespace. So an invented id is refused before any object exists for it.
import type { FlowObject } from "./flow-object.ts";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const NAME_LENGTH = 20;
const CHECK_LENGTH = 6;
const FLOW_ID = new RegExp(`^([${ALPHABET}]{${NAME_LENGTH}})[${ALPHABET}]{${CHECK_LENGTH}}$`);

type Flows = DurableObjectNamespace<FlowObject>;

/** A flow's id, and the id of its object. */
interface FlowAddress {
  readonly flowId: string;
  readonly objectId: DurableObjectId;
}

/** The id of a new flow. It depends on `seed`, and on a key of the namespace. */
export function newFlowId(flows: Flows, seed: string): string {
  return addressOf(flows, digitsOf(flows.idFromName(seed), NAME_LENGTH)).flowId;
}

/**
 * The object of a flow, which may not exist; `null` for text that is no flow id. 64 hexadecimal
 * digits are the id of the object itself, as older flows have it.
 */
export function flowObject(flows: Flows, flowId: string): DurableObjectStub<FlowObject> | null {
  const [, name] = FLOW_ID.exec(flowId) ?? [];
  if (name !== undefined) {
    const address = addressOf(flows, name);
    return address.flowId === flowId ? flows.get(address.objectId) : null;
  }
  try {
    return flows.get(flows.idFromString(flowId));
  } catch {
    return null;
  }
}

function addressOf(flows: Flows, name: string): FlowAddress {
  const objectId = flows.idFromName(name);
  return { flowId: name + digitsOf(objectId, CHECK_LENGTH), objectId };
}

/** The first bits of an object's id, five for each digit. */
function digitsOf(id: DurableObjectId, length: number): string {
  const bits = BigInt(`0x${id.toString().slice(0, 32)}`);
  return Array.from({ length }, (_, at) => ALPHABET[Number((bits >> BigInt(5 * at)) & 31n)]).join("");
}
