// Meets a limit of so many a minute, whenever the minute happens to end.

/**
 * Tries until it is too often. Answers how many times it was not, and the answer when it was. `start` makes a caller who has not been
 * counted yet: it is asked again where the counters began anew in between.
 */
export async function exhaust(
  start: () => (attempt: number) => Promise<Response>,
): Promise<{ readonly passed: number; readonly refused: Response }> {
  const minuteNow = () => Math.floor(Date.now() / 60_000);
  for (let round = 0; round < 3; round++) {
    const attempt = start();
    const minute = minuteNow();
    for (let passed = 0; passed < 2_100; passed++) {
      const answer = await attempt(passed);
      if (answer.status === 429 && minuteNow() === minute) return { passed, refused: answer };
      if (answer.status === 429) break;
      if (!answer.bodyUsed) await answer.body?.cancel();
    }
  }
  throw new Error("It is never too often.");
}
