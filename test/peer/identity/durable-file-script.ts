import { readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { writeFileDurably } from "../../../peer/identity/durable-file.ts";
import { utf8 } from "../../../shared/bytes.ts";
import { isChatError } from "../../../shared/errors.ts";

// node durable-file-script.ts <path> <bytes>: writes "old", then that many bytes over it, and says how that went

const [path = "", bytes = ""] = process.argv.slice(2);

async function failureOf(attempt: Promise<void>): Promise<string | undefined> {
  try {
    await attempt;
    return undefined;
  } catch (error) {
    return isChatError(error) ? `${error.code} ${error.reason}` : String(error);
  }
}

await writeFileDurably(path, utf8("old"));
const failure = await failureOf(writeFileDurably(path, Buffer.alloc(Number(bytes), "x")));
console.log(JSON.stringify({ failure, content: readFileSync(path, "utf8"), files: readdirSync(dirname(path)) }));
