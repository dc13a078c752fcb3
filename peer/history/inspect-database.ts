import { existsSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { MIGRATIONS } from "./schema.ts";

/** What can be seen of `chat.db` without the data key, beside whoever has it open. */
export type DatabaseInsight = {
  readonly bytes: number;
  /** Version of its schema, and the newest that this program knows. */
  readonly schema: number;
  readonly newestSchema: number;
  /** What is damaged; none where it is whole. */
  readonly damage: readonly string[];
};

const BUSY_TIMEOUT_MS = 2000;
const MAX_COMPLAINTS = 5;

/** Undefined where there is none yet. Reads every page; what cannot even be opened is damage too. */
export function inspectDatabase(path: string): DatabaseInsight | undefined {
  if (!existsSync(path)) return undefined;
  const facts = { bytes: statSync(path).size, newestSchema: MIGRATIONS.length };
  try {
    using database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    const schema = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
    const rows = database.prepare(`PRAGMA quick_check(${MAX_COMPLAINTS})`).all();
    const damage = rows.map((row) => String(row["quick_check"])).filter((text) => text !== "ok");
    return { ...facts, schema, damage };
  } catch (error) {
    return { ...facts, schema: 0, damage: [error instanceof Error ? error.message : "it cannot be opened"] };
  }
}
