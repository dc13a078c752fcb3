import { once } from "node:events";
import { openCursorHandle } from "../../../peer/history/database.ts";

// node marks-script.ts <database>: writes one row without waiting for the disk, then waits to be killed

const [path = ""] = process.argv.slice(2);
const marks = openCursorHandle(path);
marks.transaction(() => void marks.prepare("INSERT INTO notes (body) VALUES (NULL)").run());
console.log("marked");
await once(process.stdin, "end");
