// A fake of the runtime's rate limits: it counts as they do and never refuses, because one machine
// sends the requests of thousands of users.

/** The binding of type `ratelimit`. */
export default function counter(): RateLimit {
  const counts = new Map<string, number>();
  return {
    async limit({ key }) {
      counts.set(key, (counts.get(key) ?? 0) + 1);
      return { success: true };
    },
  };
}
