/**
 * The options of `expect.poll`, `vi.waitFor` and `vi.waitUntil` in all tests. No test measures time
 * by them, so a machine that stalls for a while makes no test fail.
 */
export const EVENTUALLY = { timeout: 30_000, interval: 50 };
