// The port of `npm run dev`.
import { createServer } from "node:net";
import { CliError } from "./cli-error.ts";

/** Returns `port`, or any free port for 0. Throws a `CliError` if the port is not available. */
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
            `Port ${port} is in use: stop the program that listens there, or choose another port with \`npm run dev -- --port ${port + 1}\`.`,
          ),
        );
      } else if (error.code === "EACCES") {
        reject(
          new CliError(
            `Port ${port} needs more rights than you have: choose one above 1023 with \`npm run dev -- --port 8790\`.`,
          ),
        );
      } else resolve(port); // without IPv6, no program can hold the port there
    });
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : port));
    });
  });
}
