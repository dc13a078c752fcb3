import { once } from "node:events";
import { openDatabase } from "../../../peer/history/database.ts";
import { NOTES } from "./notes-schema.ts";

// node marks-script.ts <database>: writes one row without waiting for the disk, then waits to be killed

const [path = ""] = process.argv.slice(2);
const database = openDatabase(path, { migrations: NOTES });
database.mark(() => void database.prepare("INSERT INTO notes (body) VALUES (NULL)").run());
console.log("marked");
await once(process.stdin, "end");
