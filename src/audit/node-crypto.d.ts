// The one function of `node:crypto` that is used here. `@types/node` would add the globals of Node
// to this layer.
interface Process {
  getBuiltinModule(id: "node:crypto"): {
    /** A hash that is computed at once, unlike that of Web Crypto. */
    createHash(algorithm: "sha256"): {
      update(text: string): { digest(encoding: "base64url"): string };
    };
  };
}
declare var process: Process;
