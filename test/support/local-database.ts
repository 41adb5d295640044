// Opens a database of a local system's state folder, which holds one file for each.
import { readdirSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

/** The database that has `table`. The caller closes it. */
export function openLocalDatabase(stateFolder: string, table: string): DatabaseSync {
  const folder = path.join(stateFolder, "v3/d1/miniflare-D1DatabaseObject");
  for (const file of readdirSync(folder).filter((name) => /^[0-9a-f]{64}\.sqlite$/.test(name))) {
    const database = new DatabaseSync(path.join(folder, file));
    if (database.prepare("SELECT 1 FROM sqlite_master WHERE name = ?").get(table)) return database;
    database.close();
  }
  throw new Error(`No database in ${folder} has a table ${table}.`);
}
