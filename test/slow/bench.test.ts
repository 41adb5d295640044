// The system of the benchmark: every request gets the right response, with the operations that it
// may take.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { buildAll } from "../bench/bundles.ts";
import { coldStarts } from "../bench/cold-start.ts";
import { SERVICES } from "../bench/config.ts";
import { closeConnections, sendAll } from "../bench/load.ts";
import { allOperations } from "../bench/operations.ts";
import { buildPartial, LEAST_GATEWAY, partSeries } from "../bench/parts.ts";
import { FRESH_PER_ROUND, seriesOf } from "../bench/series.ts";
import { startServer } from "../bench/server.ts";
import { entriesOf, makeTokens } from "../bench/tokens.ts";
import { OPERATIONS } from "../support/bench-operations.ts";

// One workerd with every Worker of the benchmark, built as for production.
it("gets the right response to each of its requests, with the operations that each kind of call may take", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "bench-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  await Promise.all([buildAll(folder), buildPartial(folder, [LEAST_GATEWAY])]);
  const server = await startServer(folder, [...SERVICES, LEAST_GATEWAY]);
  onTestFinished(async () => {
    closeConnections();
    await server.stop();
  });
  const tokens = await makeTokens(server, FRESH_PER_ROUND, 2);
  const series = seriesOf(server, tokens, 1_000);
  const partial = partSeries(server, tokens.known, series.baseline);
  for (const { requestAt } of [...Object.values(series), ...Object.values(partial)]) await sendAll(2, requestAt);
  expect(await allOperations(server, tokens)).toEqual(OPERATIONS);
  expect(server.errors()).toBe("");
  const known = { token: tokens.known, entries: await entriesOf(server, tokens.known) };
  const starts = await coldStarts(folder, known, ["empty", "bound", "unevaluated", "gateway"], 1);
  for (const [start] of Object.values(starts)) expect(start?.responseUs).toBeGreaterThan(0);
}, 120_000);
