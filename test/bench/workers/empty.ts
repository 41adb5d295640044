// An empty Worker: the cost of every Worker before any code of its own.
export default { fetch: () => new Response("{}") } satisfies ExportedHandler;
