import { openDatabase } from "../../../peer/history/database.ts";
import { NOTES } from "./notes-schema.ts";

// node claiming-script.ts <database>: writes a thousand rows, and says after each how many there are

const [path = ""] = process.argv.slice(2);
const database = openDatabase(path, { migrations: NOTES });
const insert = database.prepare("INSERT INTO notes (body) VALUES (zeroblob(100))");
for (let claimed = 1; claimed <= 1000; claimed++) {
  database.transaction(() => void insert.run());
  console.log(claimed);
}
database.close();
