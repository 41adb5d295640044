// The keys that seal for one purpose, imported once an isolate. After a rotation the previous secret still opens what it sealed.
import type { Config } from "../config.ts";
import { deriveBytes, importRootKey, type KeyLabel } from "./keys.ts";
import { importSealingKey, type KeyRing } from "./seal.ts";

const imported = new WeakMap<Config, Map<KeyLabel, KeyRing>>();

/** The keys under `label` for these settings. */
export async function keyRingOf(config: Config, label: KeyLabel): Promise<KeyRing> {
  const known = imported.get(config)?.get(label);
  if (known) return known;
  const keyOf = async (secret: string) => {
    const root = await importRootKey(secret);
    return importSealingKey(root.kid, await deriveBytes(root, label));
  };
  const ring: KeyRing = [
    await keyOf(config.secret),
    ...(config.previousSecret === undefined ? [] : [await keyOf(config.previousSecret)]),
  ];
  const rings = imported.get(config) ?? new Map<KeyLabel, KeyRing>();
  imported.set(config, rings.set(label, ring));
  return ring;
}
