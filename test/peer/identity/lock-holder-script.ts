import { once } from "node:events";
import { basename, dirname } from "node:path";
import { openProfileDirectory } from "../../../peer/identity/profile-directory.ts";
import { tryAcquireProfileLock } from "../../../peer/identity/profile-lock.ts";

// node lock-holder-script.ts <directory>: takes the lock and keeps it until stdin says something

const [path = ""] = process.argv.slice(2);
const directory = openProfileDirectory({ home: dirname(path), profile: basename(path), create: false });
const answer = tryAcquireProfileLock(directory);
console.log("release" in answer ? "held" : "busy");
await once(process.stdin, "data");
if ("release" in answer) answer.release();
process.stdin.destroy();
