// The objects of users as a request sees them in production: one RPC to another machine.

interface Env {
  readonly users: Fetcher;
}

/** A binding with the two methods that the gateway uses. */
export default function remoteUsers({ users }: Env) {
  return { idFromName: (name: string) => name, get: () => users };
}
