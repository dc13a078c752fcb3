import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDatabase } from "../../../peer/history/database.ts";
import { failureOf } from "./failure-of.ts";
import { NOTES } from "./notes-schema.ts";

// node full-disk-script.ts <directory>: fills the small disk there, writes until it is full, tidies up, and says how
// that went

const [directory = ""] = process.argv.slice(2);
const path = join(directory, "chat.db");

/** Leaves no block free; the file system itself says when that is. */
function fillDisk(): void {
  for (let size = 1024 * 1024; size >= 1; size = Math.floor(size / 4)) {
    const add = (part: number) => writeFileSync(join(directory, `fill-${size}-${part}`), Buffer.alloc(size));
    for (let part = 0; failureOf(() => add(part)) === undefined; ) part++;
  }
}

function emptyDisk(): void {
  for (const name of readdirSync(directory)) if (name.startsWith("fill-")) rmSync(join(directory, name));
}

const hasReserve = () => existsSync(`${path}.reserve`);

const first = openDatabase(path, { migrations: NOTES });
const insert = first.prepare("INSERT INTO notes (body) VALUES (zeroblob(2000))");
const write = () => first.transaction(() => void insert.run());
const count = () => first.prepare<{ count: number }>("SELECT count(*) AS count FROM notes").get()?.count;

let claimed = 0;
while (claimed < 100) {
  write();
  claimed++;
}
fillDisk();
let failure: string | undefined;
while (failure === undefined && claimed < 10_000) {
  failure = failureOf(write);
  if (failure === undefined) claimed++;
}
const released = !hasReserve();
const claimedAreThere = count() === claimed;
const tidied = failureOf(() => first.transaction(() => void first.prepare("DELETE FROM notes").run())) ?? "well";
emptyDisk();
const restored = first.restoreReserve() && hasReserve();
first.close();

fillDisk();
const second = openDatabase(path, { migrations: NOTES });
const spentToOpen = !hasReserve();
const integrity = second.prepare<{ integrity_check: string }>("PRAGMA integrity_check").get()?.integrity_check;
const rows = second.prepare("SELECT id FROM notes").all().length;
second.close();
console.log(JSON.stringify({ failure, released, claimedAreThere, tidied, restored, spentToOpen, integrity, rows }));
