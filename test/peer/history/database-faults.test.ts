import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { describe, expect, test } from "vitest";
import { openDatabase } from "../../../peer/history/database.ts";
import { canInjectFaults, canMount, UNSHARE } from "../../support/capabilities.ts";
import { runScript, startScript } from "../../support/child-process.ts";
import { expectError } from "../../support/expect-error.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { countNotes, newDatabase, newPath } from "./notes-database.ts";
import { NOTES } from "./notes-schema.ts";

describe("a damaged database", () => {
  test("is STORE_CORRUPT when it is none, and stays as it is", async () => {
    const path = newPath();
    const garbage = "no database at all, ".repeat(500);
    writeFileSync(path, garbage);
    await expectError(() => newDatabase(path), "STORE_CORRUPT");
    expect(readFileSync(path, "utf8")).toBe(garbage);
  });

  test("is found by the check that one can ask for", async () => {
    const path = newPath();
    const database = newDatabase(path);
    const insert = database.prepare("INSERT INTO notes (body) VALUES (zeroblob(3000))");
    database.transaction(() => Array.from({ length: 50 }, () => insert.run()).length);
    database.close();
    openDatabase(path, { migrations: NOTES, checkIntegrity: true }).close();
    const file = openSync(path, "r+");
    writeSync(file, Buffer.alloc(40_960, 0xee), 0, 40_960, 40_960);
    closeSync(file);
    const check = () => openDatabase(path, { migrations: NOTES, checkIntegrity: true });
    await expectError(check, "STORE_CORRUPT");
  });
});

describe("on a full disk", () => {
  const script = new URL("./full-disk-script.ts", import.meta.url);

  test.skipIf(!canMount())("nothing is claimed, and the reserve lets one tidy up and go on", async () => {
    const directory = temporaryDirectory();
    const mount = ["sh", "-c", 'mount -t tmpfs -o size=8m tmpfs "$0" && exec "$@"', directory];
    expect(await runScript(script, [directory], ["unshare", ...UNSHARE, ...mount])).toEqual({
      failure: "STORAGE full",
      released: true,
      claimedAreThere: true,
      tidied: "well",
      restored: true,
      spentToOpen: true,
      integrity: "ok",
      rows: 0,
    });
  });
});

describe("killed in the middle of a write", () => {
  const script = new URL("./claiming-script.ts", import.meta.url);

  test.skipIf(!canInjectFaults()).each([1, 4, 9, 16, 25, 36])(
    "at number %i, it has all that was claimed and is sound",
    async (write) => {
      const path = newPath();
      newDatabase(path).close();
      const inject = ["-e", "trace=pwrite64", "-e", `inject=pwrite64:signal=KILL:when=${write}`];
      const child = startScript(script, [path], ["strace", "-f", "-o", "/dev/null", ...inject]);
      let claimed = 0;
      for await (const line of createInterface({ input: child.stdout })) claimed = Number(line);
      expect(claimed).toBeLessThan(1000);
      const database = openDatabase(path, { migrations: NOTES, checkIntegrity: true });
      expect(countNotes(database) - claimed).toBeOneOf([0, 1]);
      database.close();
    },
  );
});

describe("on a failing disk", () => {
  const script = new URL("./failing-disk-script.ts", import.meta.url);

  test.skipIf(!canInjectFaults())("the handle is not used again, and all that was claimed is there later", async () => {
    const path = newPath();
    const inject = ["-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when=20"];
    const answer = await runScript(script, [path], ["strace", "-f", "-o", "/dev/null", ...inject]);
    expect(answer).toMatchObject({ failure: "STORAGE io", again: "STORAGE io" });
    const { claimed } = answer as { claimed: number };
    expect(claimed).toBeGreaterThan(0);
    const database = openDatabase(path, { migrations: NOTES, checkIntegrity: true });
    expect(countNotes(database)).toBeGreaterThanOrEqual(claimed);
    expect(countNotes(database)).toBeLessThanOrEqual(claimed + 1);
    database.close();
  });
});
