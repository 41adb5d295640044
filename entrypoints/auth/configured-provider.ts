// GitHub and Google, as far as this deployment has a client there.
import { github } from "./github.ts";
import { google } from "./google.ts";
import type { ProviderChoice } from "./social-provider.ts";

export const configuredProvider: ProviderChoice = ({ clients }, name) => {
  if (name === "github") return clients.github && github(clients.github);
  return clients.google && google(clients.google);
};
