// GET /health?deep=1: an operator sees each backend as the gateway does.
import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { HEALTH_TOKEN, useSystem } from "../support/system.ts";

const OTHER_KEYS = `0123abcd:${randomBytes(32).toString("base64url")}`;
const secrets = { gateway: { HEALTH_TOKEN } };
const well = useSystem();
const OTHER = "test/support/other-contract.ts";
const ill = useSystem({
  secrets: { ...secrets, auth: { IDENTITY_KEYS: OTHER_KEYS } },
  replacements: { "img-forge": OTHER, audit: OTHER },
});
/** Between two deployments, with an older Worker bound. */
const mixed = useSystem({ secrets, replacements: { "img-forge": OTHER, stackbilder: OTHER } });

interface Health {
  status: string;
  notes: readonly string[];
  backends: Record<string, object>;
}
const HEALTHY = {
  isReachable: true,
  isDescribed: true,
  areKeysEqual: true,
  isContractEqual: true,
  version: expect.any(String),
};

async function healthOf(system: typeof well, authorization = `Bearer ${HEALTH_TOKEN}`) {
  const response = await system.fetch("/health?deep=1", { headers: { authorization } });
  return { status: response.status, body: (await response.json()) as Health };
}

describe("the deep health check", () => {
  it("says that each backend is reachable and has the gateway's key and contract", async () => {
    const { status, body } = await healthOf(well);
    expect([status, body.status, body.notes]).toEqual([200, "ok", []]);
    expect(Object.keys(body.backends).toSorted()).toEqual(
      expect.arrayContaining(["AUTH_SERVICE", "IMG_FORGE", "STACKBILDER"]),
    );
    for (const backend of Object.values(body.backends)) expect(backend).toMatchObject(HEALTHY);
  });

  it.each(["", `Bearer ${HEALTH_TOKEN}x`, "Bearer ", HEALTH_TOKEN])(
    "is refused with the authorization %j",
    async (authorization) => {
      const { status, body } = await healthOf(well, authorization);
      expect([status, body.backends]).toEqual([401, undefined]);
    },
  );

  it("tells a wrong key from another contract and from silence, and both sides name the ids of the keys", async () => {
    const { status, body } = await healthOf(ill);
    expect([status, body.status]).toEqual([503, "degraded"]);
    expect(body.backends).toMatchObject({
      AUTH_SERVICE: { isReachable: true, areKeysEqual: false, isContractEqual: null },
      IMG_FORGE: { isReachable: true, areKeysEqual: true, isContractEqual: false, version: "9.9.9" },
      AUDIT: { isReachable: false, isDescribed: null, areKeysEqual: null, isContractEqual: null },
    });
    const logs = ill.logs().join("\n");
    const keyId = /"health.keys_differ","backend":"AUTH_SERVICE","keyId":"([0-9a-f]{8})"/.exec(logs)?.[1];
    expect(logs).toContain(`{"event":"rpc.key_unknown","keyId":"${keyId}","known":["0123abcd"]}`);
    expect(logs).not.toContain(OTHER_KEYS.slice(9));
    expect(logs + JSON.stringify(body)).not.toContain("hunter2");
  });

  it("is well with a note of another contract, and of an older Worker that does not describe itself", async () => {
    const { status, body } = await healthOf(mixed);
    expect([status, body.status, body.notes]).toEqual([
      200,
      "ok",
      [
        "STACKBILDER has no method describe: its keys and its contract are not known.",
        "IMG_FORGE was built with another contract: deploy both from one version.",
      ],
    ]);
    expect(body.backends).toMatchObject({
      IMG_FORGE: { isReachable: true, areKeysEqual: true, isContractEqual: false },
      STACKBILDER: { isReachable: true, isDescribed: false, areKeysEqual: null, version: null },
    });
    expect(mixed.logs().join("\n")).not.toContain('"rpc.fault"');
  });
});

it("the plain health check needs no token and asks no backend", async () => {
  const response = await ill.fetch("/health");
  expect([response.status, await response.json()]).toEqual([
    200,
    { status: "ok", name: expect.any(String), version: expect.any(String) },
  ]);
});
