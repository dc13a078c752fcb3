import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeFileDurably } from "../../../peer/identity/durable-file.ts";
import { utf8 } from "../../../shared/bytes.ts";
import { canInjectFaults, canMount, UNSHARE } from "../../support/capabilities.ts";
import { runScript } from "../../support/child-process.ts";
import { expectError } from "../../support/expect-error.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const SCRIPT = new URL("./durable-file-script.ts", import.meta.url);

test("replaces a file whole, with mode 0600, and leaves nothing beside it", async () => {
  const directory = temporaryDirectory();
  const path = join(directory, "keystore.json");
  writeFileSync(path, "old and longer");
  chmodSync(path, 0o644);
  writeFileSync(`${path}.new`, "half of an earlier attempt");
  await writeFileDurably(path, utf8("new"));
  expect(readFileSync(path, "utf8")).toBe("new");
  expect(lstatSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(directory)).toEqual(["keystore.json"]);
});

test("says STORAGE when it cannot, and leaves what was there", async () => {
  const directory = temporaryDirectory();
  const path = join(directory, "keystore.json");
  mkdirSync(path);
  await expectError(writeFileDurably(path, utf8("new")), "STORAGE", "io");
  expect(readdirSync(directory)).toEqual(["keystore.json"]);
});

test.skipIf(!canMount())("keeps the old file on a full disk", async () => {
  const mount = ["sh", "-c", 'mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"'];
  const directory = temporaryDirectory();
  const wrapper = ["unshare", ...UNSHARE, ...mount, directory];
  expect(await runScript(SCRIPT, [join(directory, "file"), String(128 * 1024)], wrapper)).toEqual({
    failure: "STORAGE full",
    content: "old",
    files: ["file"],
  });
});

test.skipIf(!canInjectFaults())("keeps the old file when the disk does not confirm the new one", async () => {
  const directory = temporaryDirectory();
  // strace counts per thread: with one of them, the third fsync is that of the second file
  const inject = ["-E", "UV_THREADPOOL_SIZE=1", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=3"];
  const wrapper = ["strace", "-f", "-o", "/dev/null", ...inject];
  expect(await runScript(SCRIPT, [join(directory, "file"), "3"], wrapper)).toEqual({
    failure: "STORAGE io",
    content: "old",
    files: ["file"],
  });
});
