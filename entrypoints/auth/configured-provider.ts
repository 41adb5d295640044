// GitHub and Google, if this deployment has an OAuth client there.
import { github } from "./github.ts";
import { google } from "./google.ts";
import type { ProviderLookup } from "./social-provider.ts";

export const configuredProvider: ProviderLookup = ({ clients }, name) => {
  if (name === "github") return clients.github && github(clients.github);
  return clients.google && google(clients.google);
};
