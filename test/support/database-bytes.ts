import { copyFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { temporaryDirectory } from "./temporary-directory.ts";

/** Everything that a database holds, as text: two that are equal hold the same rows, byte for byte. */
export function databaseContent(path: string): string {
  const copy = `${temporaryDirectory()}/copy.db`;
  for (const suffix of ["", "-wal"]) copyFileSync(path + suffix, copy + suffix);
  const database = new DatabaseSync(copy);
  try {
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
    return tables
      .map(({ name }) => {
        const rows = database.prepare(`SELECT * FROM "${name}"`).all();
        return `${name} ${JSON.stringify(rows, (_, value) => (value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value))}`;
      })
      .join("\n");
  } finally {
    database.close();
  }
}
