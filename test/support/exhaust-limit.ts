// Exceeds a limit per minute, independent of the moment at which the minute ends.

/**
 * Sends requests until one gets 429, then `next`. Returns the number of requests that passed, and
 * the 429. `start` makes a client that was not counted before; it is called again if the minute
 * ends, and the counters restart, before `next` has ended.
 */
export async function exhaust(
  start: () => (at: number) => Promise<Response>,
  next: () => Promise<unknown> = async () => undefined,
): Promise<{ readonly passed: number; readonly refused: Response }> {
  const minuteNow = () => Math.floor(Date.now() / 60_000);
  for (let minutes = 0; minutes < 3; minutes++) {
    const send = start();
    const minute = minuteNow();
    for (let passed = 0; passed < 2_100; passed++) {
      const response = await send(passed);
      if (response.status === 429) {
        await next();
        if (minuteNow() === minute) return { passed, refused: response };
        break;
      }
      if (!response.bodyUsed) await response.body?.cancel();
    }
  }
  throw new Error("No request was refused with 429.");
}
