// The one function of `node:url` that is used here. `@types/node` would add the globals of Node to
// this layer.
interface Process {
  getBuiltinModule(id: "node:url"): {
    /** The host with its punycode labels decoded (IDNA, RFC 5891). Empty for an invalid host. */
    domainToUnicode(host: string): string;
  };
}
declare var process: Process;
