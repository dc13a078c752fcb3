import { hash } from "node:crypto";
import { copyFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { temporaryDirectory } from "./temporary-directory.ts";

/** What a database holds, table by table, as hashes: two that are equal hold the same rows, byte for byte. */
export function databaseContent(path: string): string {
  const copy = `${temporaryDirectory()}/copy.db`;
  for (const suffix of ["", "-wal"]) copyFileSync(path + suffix, copy + suffix);
  const database = new DatabaseSync(copy);
  try {
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
    return tables
      .map(({ name }) => {
        const rows = database.prepare(`SELECT * FROM "${name}"`).all();
        return `${name}: ${rows.length} rows, ${hash("sha256", JSON.stringify(rows, bytesAsHex))}`;
      })
      .join("\n");
  } finally {
    database.close();
  }
}

function bytesAsHex(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
}
