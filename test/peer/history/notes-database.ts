import { join } from "node:path";
import { openDatabase } from "../../../peer/history/database.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { NOTES } from "./notes-schema.ts";

export const newPath = () => join(temporaryDirectory(), "chat.db");
export const newDatabase = (path = newPath()) => openDatabase(path, { migrations: NOTES });

export function countNotes(database: ReturnType<typeof openDatabase>): number {
  return database.prepare<{ count: number }>("SELECT count(*) AS count FROM notes").get()?.count ?? -1;
}
