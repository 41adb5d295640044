// The port that `npm run dev` serves on.
import { createServer } from "node:net";
import { CliError } from "./cli-error.ts";

/** `port` if nothing listens on it, or any free one for 0. Throws a `Refusal` that says why it cannot be had. */
export async function choosePort(port: number): Promise<number> {
  const chosen = await tryToListen(port, "127.0.0.1");
  if (port !== 0) await tryToListen(port, "::1");
  return chosen;
}

async function tryToListen(port: number, host: string): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") {
        reject(
          new CliError(
            `Port ${port} is in use: stop what listens there, or choose another with \`npm run dev -- --port ${port + 1}\`.`,
          ),
        );
      } else if (error.code === "EACCES") {
        reject(
          new CliError(
            `Port ${port} needs more rights than you have: choose one above 1023 with \`npm run dev -- --port 8976\`.`,
          ),
        );
      } else resolve(port); // a machine without IPv6 cannot have the port taken there
    });
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : port));
    });
  });
}
