import { openDatabase } from "../../../peer/history/database.ts";
import { failureOf } from "./failure-of.ts";
import { NOTES } from "./notes-schema.ts";

// node failing-disk-script.ts <database>: writes until the disk fails, then once more, and says how that went

const [path = ""] = process.argv.slice(2);

const database = openDatabase(path, { migrations: NOTES });
const insert = database.prepare("INSERT INTO notes (body) VALUES (zeroblob(100))");
const write = () => database.transaction(() => void insert.run());

let claimed = 0;
let failure: string | undefined;
while (claimed < 1000) {
  failure = failureOf(write);
  if (failure !== undefined) break;
  claimed++;
}
const again = failureOf(write);
database.close();
console.log(JSON.stringify({ failure, again, claimed }));
