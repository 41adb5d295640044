// A call through the gateway arrives in the audit store, numbered and complete.
import { expect, it, vi } from "vitest";
import { EVENTUALLY } from "../support/eventually.ts";
import { connect, userIdOf } from "../support/mcp-clients.ts";
import { useSystem } from "../support/system.ts";

const system = useSystem();

interface Stored {
  readonly type: string;
  readonly tool?: string;
  readonly subject?: string;
}

it("a call and the changes of access before it are stored within seconds, in the order of their numbers", async () => {
  const connected = await connect(system.origin, "modern");
  const { client, close } = connected;
  await client.callTool({ name: "flow_create", arguments: { projectDescription: "A kiosk" } });
  await client.callTool({ name: "image_list_models", arguments: {} });
  await close();
  const database = (await system.worker("audit").getEnv()).DB as D1Database;
  await vi.waitFor(async () => {
    const { results } = await database.prepare("SELECT record, sequence FROM records").all<{ record: string }>();
    const records = results.map(({ record }) => JSON.parse(record) as Stored);
    const own = records.filter(({ subject }) => subject === userIdOf(connected));
    expect(own.map(({ type, tool }) => tool ?? type)).toEqual(
      expect.arrayContaining(["session.started", "grant.made", "flow_create", "image_list_models"]),
    );
    expect(await database.prepare("SELECT * FROM gaps").all()).toMatchObject({ results: [] });
  }, EVENTUALLY);
  expect(await database.prepare("SELECT * FROM rejected").all()).toMatchObject({ results: [] });
});
