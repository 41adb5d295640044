// subscriptions/listen (2026-07-28, basic/patterns/subscriptions), with a server that announces no
// changes.
import { describe, expect, it } from "vitest";
import { ACCEPT, emptyFeatures, endpointOf, envelope, errorBody, messagesIn, modernHeaders } from "./http.ts";

const { post, modern, legacy } = endpointOf({});

describe("subscriptions/listen (2026-07-28, basic/patterns/subscriptions)", () => {
  const all = {
    toolsListChanged: true,
    promptsListChanged: true,
    resourcesListChanged: true,
    resourceSubscriptions: ["pic://1"],
  };

  it.each([7, "listen-1", 0, ""])(
    "subscriptions/listen acknowledges no subscription and ends at once, with its id %j in each message",
    async (id) => {
      const request = {
        jsonrpc: "2.0",
        id,
        method: "subscriptions/listen",
        params: { _meta: envelope, notifications: all },
      };
      const response = await post(request, {
        ...modernHeaders("subscriptions/listen", {}),
        accept: ACCEPT,
      });
      expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
      const subscription = { "io.modelcontextprotocol/subscriptionId": id };
      expect(messagesIn(response.body)).toEqual([
        {
          jsonrpc: "2.0",
          method: "notifications/subscriptions/acknowledged",
          params: { notifications: {}, _meta: subscription },
        },
        {
          jsonrpc: "2.0",
          id,
          result: {
            resultType: "complete",
            _meta: { ...subscription, "io.modelcontextprotocol/serverInfo": emptyFeatures.info },
          },
        },
      ]);
    },
  );

  it("subscriptions/listen is -32602 without valid notifications", async () => {
    for (const notifications of [
      undefined,
      null,
      [],
      "all",
      { toolsListChanged: "yes" },
      { resourceSubscriptions: [1] },
    ]) {
      expect(await modern("subscriptions/listen", { notifications })).toMatchObject({
        status: 200,
        body: errorBody(-32602),
      });
    }
    expect((await modern("subscriptions/listen", { notifications: {} })).headers.get("content-type")).toBe(
      "text/event-stream",
    );
  });

  it("subscriptions/listen is unknown in the legacy era", async () => {
    expect(await legacy("subscriptions/listen", { notifications: all })).toMatchObject({
      status: 200,
      body: errorBody(-32601),
    });
  });
});
