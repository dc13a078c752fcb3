import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { openDatabase } from "../../../peer/history/database.ts";

// node umask-script.ts <umask> <directory>: makes every file of a database and prints the modes

const [umask = "", directory = ""] = process.argv.slice(2);
process.umask(Number.parseInt(umask, 8));

const path = join(directory, "chat.db");
const migrations = ["CREATE TABLE one (id INTEGER PRIMARY KEY)", "CREATE TABLE two (id INTEGER PRIMARY KEY)"];
openDatabase(path, { migrations: migrations.slice(0, 1) }).close();
const database = openDatabase(path, { migrations });

const modeOf = (name: string) => (lstatSync(join(directory, name)).mode & 0o7777).toString(8);
console.log(JSON.stringify(Object.fromEntries(readdirSync(directory).map((name) => [name, modeOf(name)]))));
database.close();
