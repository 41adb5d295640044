// Durable Objects behind the gateway's own binding, with each call of a method reported before it
// is made. Only the gateway whose operations are counted has it.

interface Env {
  readonly objects: DurableObjectNamespace;
  readonly storage: Fetcher;
}

/** A binding with the two methods that the gateway uses. */
export default function countedObjects({ objects, storage }: Env) {
  const report = () => storage.fetch("http://storage/objects", { method: "POST" });
  return {
    idFromName: (name: string) => objects.idFromName(name),
    get: (id: DurableObjectId) => counted(objects.get(id), report),
  };
}

function counted(stub: object, report: () => Promise<unknown>): object {
  return new Proxy(stub, {
    get:
      (_, method) =>
      async (...input: unknown[]) => {
        await report();
        // An RPC stub has a method of every name.
        return Reflect.apply(Reflect.get(stub, method, stub) as (...given: unknown[]) => unknown, stub, input);
      },
  });
}
