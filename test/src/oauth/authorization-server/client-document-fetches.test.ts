// Fetches of metadata documents: none for an id that names no public site, and a limited number of
// the others.
import { describe, expect, it, vi } from "vitest";
import { toBase64url } from "../../../../contracts/rpc/encoding.ts";
import { ADDRESS_HEADER, newAddress } from "../../../support/address.ts";
import { exhaust } from "../../../support/exhaust-limit.ts";
import { authorizePath, Browser, envWith, form, ORIGIN, send } from "../browser.ts";
import { claudeCode, env, newHost, useInternet } from "../client-documents.ts";

const { fetched, logged, publish } = useInternet();

describe("nothing is fetched", () => {
  const unacceptable = [
    `${ORIGIN.replace("http", "https")}/client.json`,
    "https://auth.example.com/client.json",
    "https://10.0.0.1/client.json",
    "https://2852039166/client.json",
    "https://[::1]/client.json",
    "https://intranet/client.json",
    "https://localhost/client.json",
    "https://printer.local/client.json",
    "https://app.example.com./client.json",
    "http://app.example.com/client.json",
    "HTTPS://10.0.0.1/client.json",
    "HTTPS://app.example.com/client.json",
    " https://10.0.0.1/client.json",
    "ht\ntps://10.0.0.1/client.json",
    "https:\\\\10.0.0.1\\client.json",
    "https:10.0.0.1/client.json",
    'https://app.example.com/client.json\n{"event":"forged"}',
    "https://user@app.example.com/client.json",
    "https://user:secret@app.example.com/client.json",
    "https://app.example.com:8443/client.json",
    "https://app.example.com:443/client.json",
    "https://app.example.com/a/../client.json",
    "https://app.example.com/client.json#",
    "https://app.example.com",
    `https://app.example.com/${"x".repeat(500)}`,
  ];
  const own = envWith({}, { CIMD_ENABLED: "true", AUTH_BASE_URL: "https://auth.example.com" });
  const encode = (text: string) => toBase64url(new TextEncoder().encode(text));
  const proof = (iss: string, before = "") =>
    `${encode('{"alg":"RS256"}')}.${encode(before + JSON.stringify({ iss }))}.AA`;
  const refresh = { grant_type: "refresh_token", refresh_token: `u_ada:${"g".repeat(16)}:${"s".repeat(32)}` };
  const type = { client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" };

  it.each(unacceptable)("for the client id %j, however it is sent", async (id) => {
    const page = await new Browser(own).open(await authorizePath(id));
    expect([page.status, page.next, page.text]).toEqual([400, "", expect.stringContaining("not known here")]);
    const repeated = (name: string, value: string) =>
      new URLSearchParams([...Object.entries({ ...refresh, ...type }), [name, ""], [name, value]]);
    const basic = (text: string) => form(refresh, { Authorization: `Basic ${btoa(text)}` });
    const requests: RequestInit[] = [
      form({ ...refresh, client_id: id }),
      form(repeated("client_id", id)),
      form({ ...refresh, ...type, client_assertion: proof(id) }),
      form({ ...refresh, ...type, client_assertion: proof(id, "\ufeff") }),
      form(repeated("client_assertion", proof(id))),
      ...[encodeURIComponent(id), id.replaceAll(":", "%3a"), encodeURIComponent(id).replace("%", "+%")].map((user) =>
        basic(`${user}:secret`),
      ),
      form({ token: refresh.refresh_token, client_id: id }),
    ];
    for (const request of requests) {
      const refused = await send(own, "/token", request);
      expect([refused.status, (await refused.json<{ error: string }>()).error]).toEqual([401, "invalid_client"]);
    }
    expect([fetched, logged.filter((line) => line.includes("forged") || line.includes("CIMD"))]).toEqual([[], []]);
  });

  it("for a client that authenticates with a secret, wherever its document is", async () => {
    const { id, document } = claudeCode();
    publish(id, document);
    const refused = await send(
      env,
      "/token",
      form(refresh, { Authorization: `Basic ${btoa(`${encodeURIComponent(id)}:secret`)}` }),
    );
    expect([refused.status, fetched]).toEqual([401, []]);
  });

  it("while CIMD is off", async () => {
    const off = envWith({}, { CIMD_ENABLED: "false" });
    const id = "https://a.example.com/c"; // short enough for an id of a registered client
    publish(id, claudeCode("a.example.com", { client_id: id }).document);
    expect((await new Browser(off).open(await authorizePath(id))).text).toContain("not known here");
    expect((await send(off, "/token", form({ ...refresh, client_id: id }))).status).toBe(401);
    expect(fetched).toEqual([]);
  });
});

describe("fetches of documents", () => {
  const redirect = { redirect_uri: "http://localhost:1/callback" };
  const open = async (id: string, address: string) => {
    const request = { headers: { [ADDRESS_HEADER]: address } };
    return (await new Browser(env).open(await authorizePath(id, redirect), request)).response;
  };

  it("that are new are limited to 60 a minute for an address and a host, usable ones when they are due", async () => {
    let [host, known, address] = ["", "", ""];
    let after: object = {};
    // /authorize has the same number, but the endpoints count together.
    const { passed, refused } = await exhaust(
      () => {
        host = newHost();
        address = newAddress();
        const { id, document } = claudeCode(host);
        known = id;
        publish(id, document);
        return async (attempt) => {
          if (attempt === 0) return open(id, address);
          const fields = { grant_type: "refresh_token", client_id: `https://${host}/${attempt}` };
          return send(env, "/token", form(fields, { [ADDRESS_HEADER]: address }));
        };
      },
      async () => {
        const before = fetched.length;
        const { status } = await open(`https://${host}/more`, address);
        after = { status, fetched: fetched.length - before };
      },
    );
    expect([passed, refused.headers.get("Retry-After")]).toEqual([60, "60"]);
    expect(after).toEqual({ status: 429, fetched: 0 });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
    expect((await open(known, address)).status).toBe(303);
    const { id, document } = claudeCode();
    publish(id, document);
    expect((await open(id, address)).status, "another host").toBe(303);
  });

  it("of a host's real clients are not used up by a stranger who names made-up ones", async () => {
    const host = newHost();
    const stranger = newAddress();
    await exhaust(() => (attempt) => {
      const fields = { grant_type: "refresh_token", client_id: `https://${host}/made-up-${attempt}` };
      return send(env, "/token", form(fields, { [ADDRESS_HEADER]: stranger }));
    });
    const { id, document } = claudeCode(host);
    publish(id, document);
    expect((await open(id, newAddress())).status).toBe(303);
  });
});
