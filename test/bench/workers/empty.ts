// A Worker that does nothing: what every Worker costs before it has any code.
export default { fetch: () => new Response("{}") } satisfies ExportedHandler;
