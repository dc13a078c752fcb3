import { closeSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { openDatabase } from "../../../peer/history/database.ts";
import { createSealer } from "../../../peer/history/sealer.ts";
import { utf8 } from "../../../shared/bytes.ts";
import { canInjectFaults, canMount, UNSHARE } from "../../support/capabilities.ts";
import { nextLine, runScript, startScript } from "../../support/child-process.ts";
import { expectError } from "../../support/expect-error.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { NOTES } from "./notes-schema.ts";

const newPath = () => join(temporaryDirectory(), "chat.db");
const newDatabase = (path = newPath()) => openDatabase(path, { migrations: NOTES });

function countNotes(database: ReturnType<typeof openDatabase>): number {
  return database.prepare<{ count: number }>("SELECT count(*) AS count FROM notes").get()?.count ?? -1;
}

describe("a database", () => {
  test.each(["000", "022", "077"])("has files of mode 0600 only, under umask %s", async (umask) => {
    const script = new URL("./umask-script.ts", import.meta.url);
    expect(await runScript(script, [umask, temporaryDirectory()])).toEqual({
      "chat.db": "600",
      "chat.db-shm": "600",
      "chat.db-wal": "600",
      "chat.db.before-v2": "600",
      "chat.db.reserve": "600",
    });
  });

  test("waits for the disk and keeps its references", async () => {
    const database = newDatabase();
    const pragma = (name: string) => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
    expect(["journal_mode", "synchronous", "foreign_keys", "secure_delete", "temp_store"].map(pragma)).toEqual([
      "wal",
      2,
      1,
      1,
      2,
    ]);
    expect(() => database.prepare("INSERT INTO notes (peer) VALUES (9)").run()).toThrow("FOREIGN KEY");
    expect(countNotes(database)).toBe(0);
    database.close();
  });

  test("gives rows, counts and ids back", () => {
    const database = newDatabase();
    const insert = database.prepare("INSERT INTO notes (body) VALUES (?)");
    expect(insert.run(utf8("a"))).toEqual({ changes: 1, lastInsertRowid: 1 });
    expect(insert.run(utf8("b"))).toEqual({ changes: 1, lastInsertRowid: 2 });
    const all = database.prepare<{ id: number; body: Uint8Array }>("SELECT id, body FROM notes ORDER BY id");
    expect(all.all()).toEqual([
      { id: 1, body: utf8("a") },
      { id: 2, body: utf8("b") },
    ]);
    expect(database.prepare("SELECT 1 FROM notes WHERE id = ?").get(3)).toBeUndefined();
    expect(database.prepare("SELECT id, body FROM notes ORDER BY id")).toBe(all);
    database.close();
  });

  test("says STORAGE where it cannot be made or opened", async () => {
    const directory = temporaryDirectory();
    await expectError(() => newDatabase(join(directory, "nowhere", "chat.db")), "STORAGE", "io");
    await expectError(() => newDatabase(directory), "STORAGE", "io");
    expect(readdirSync(directory)).toEqual([]);
  });

  test("is closed once and for all", () => {
    const database = newDatabase();
    database.close();
    database.close();
    expect(() => database.prepare("SELECT 1")).toThrow("not open");
  });
});

describe("a transaction", () => {
  test("writes all of it, and gives back what its work gives", () => {
    const path = newPath();
    const database = newDatabase(path);
    const insert = database.prepare("INSERT INTO notes (body) VALUES (NULL)");
    expect(database.transaction(() => [insert.run(), insert.run()].length)).toBe(2);
    const other = new DatabaseSync(path, { readOnly: true });
    expect(other.prepare("SELECT count(*) AS count FROM notes").get()).toEqual({ count: 2 });
    other.close();
    database.close();
  });

  test("writes nothing when its work throws, and the next one is well", () => {
    const database = newDatabase();
    const insert = database.prepare("INSERT INTO notes (body) VALUES (NULL)");
    const failure = new Error("changed my mind");
    const attempt = () =>
      database.transaction(() => {
        insert.run();
        throw failure;
      });
    expect(attempt).toThrow(failure);
    expect(countNotes(database)).toBe(0);
    database.transaction(() => void insert.run());
    expect(countNotes(database)).toBe(1);
    database.close();
  });

  test("cannot be asynchronous: the compiler says so, and so does it", async () => {
    const database = newDatabase();
    const insert = database.prepare("INSERT INTO notes (body) VALUES (NULL)");
    const work = async () => void insert.run();
    // @ts-expect-error a promise is no result of a transaction
    await expectError(() => database.transaction(work), "INTERNAL");
    expect(countNotes(database)).toBe(0);
    database.close();
  });

  test("does not hold another, and then writes nothing", async () => {
    const database = newDatabase();
    const insert = database.prepare("INSERT INTO notes (body) VALUES (NULL)");
    const nested = () =>
      database.transaction(() => {
        insert.run();
        database.transaction(() => void insert.run());
      });
    await expectError(nested, "INTERNAL");
    expect(countNotes(database)).toBe(0);
    database.close();
  });

  test("has parts that fail by themselves, and leave what came before and after them", () => {
    const database = newDatabase();
    const insert = database.prepare("INSERT INTO notes (id, body) VALUES (?, NULL)");
    const failures: unknown[] = [];
    const part = (...ids: number[]) => {
      try {
        database.part(() => ids.map((id) => insert.run(id)));
      } catch (error) {
        failures.push(error);
      }
    };
    database.transaction(() => {
      part(1);
      part(2, 1);
      part(3);
    });
    expect(database.prepare("SELECT id FROM notes ORDER BY id").all()).toEqual([{ id: 1 }, { id: 3 }]);
    expect(failures).toMatchObject([{ message: "UNIQUE constraint failed: notes.id" }]);
    database.close();
  });

  test("has no parts outside it", async () => {
    const database = newDatabase();
    const insert = database.prepare("INSERT INTO notes (body) VALUES (NULL)");
    await expectError(() => database.part(() => void insert.run()), "INTERNAL");
    expect(countNotes(database)).toBe(0);
    database.close();
  });

  test("is refused while another connection writes, without waiting for ever", async () => {
    const path = newPath();
    const database = newDatabase(path);
    const other = newDatabase(path);
    const contend = () => database.transaction(() => other.transaction(() => undefined));
    await expectError(contend, "STORAGE", "busy");
    other.transaction(() => undefined);
    other.close();
    database.close();
  });
});

describe("a mark", () => {
  test("does not wait for the disk, and what follows does again", () => {
    const database = newDatabase();
    // A prepared pragma keeps the value it was prepared with: two texts are two statements.
    expect(database.mark(() => database.prepare("PRAGMA synchronous").get())).toEqual({ synchronous: 1 });
    expect(database.transaction(() => database.prepare("PRAGMA main.synchronous").get())).toEqual({ synchronous: 2 });
    database.close();
  });

  test("that fails leaves nothing, and what follows waits for the disk again", () => {
    const database = newDatabase();
    const insert = database.prepare("INSERT INTO notes (body) VALUES (NULL)");
    const attempt = () =>
      database.mark(() => {
        insert.run();
        throw new RangeError("no");
      });
    expect(attempt).toThrow(RangeError);
    expect(countNotes(database)).toBe(0);
    expect(database.prepare("PRAGMA synchronous").get()).toEqual({ synchronous: 2 });
    database.close();
  });

  test("stays when the process is killed", async () => {
    const path = newPath();
    newDatabase(path).close();
    const child = startScript(new URL("./marks-script.ts", import.meta.url), [path]);
    expect(await nextLine(child)).toBe("marked");
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("exit", resolve));
    const database = newDatabase(path);
    expect(countNotes(database)).toBe(1);
    database.close();
  });
});

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

test("a sealed row does not open in a copy of the database in another profile", async () => {
  const sealer = createSealer(new Uint8Array(32), "00112233445566778899aabbccddeeff");
  const path = newPath();
  const database = newDatabase(path);
  database.prepare("INSERT INTO notes (body) VALUES (?)").run(sealer.seal("notes", "1", utf8("hello")));
  database.close();
  const copy = newPath();
  writeFileSync(copy, readFileSync(path));
  const moved = newDatabase(copy);
  const body = moved.prepare<{ body: Uint8Array }>("SELECT body FROM notes").get()?.body ?? new Uint8Array();
  const stranger = createSealer(new Uint8Array(32), "ffeeddccbbaa99887766554433221100");
  await expectError(() => stranger.open("notes", "1", body), "STORE_CORRUPT");
  moved.close();
});

test("nothing of a message or a name is on the disk, while it is open or after", () => {
  const sealer = createSealer(new Uint8Array(32), "00112233445566778899aabbccddeeff");
  const path = newPath();
  const database = newDatabase(path);
  const insert = database.prepare("INSERT INTO notes (body) VALUES (?)");
  database.transaction(() => {
    insert.run(sealer.seal("notes", "1", utf8("canary-message")));
    insert.run(sealer.tag("contact", "canary-name"));
  });
  const everything = () => readdirSync(dirname(path)).map((name) => readFileSync(join(dirname(path), name), "latin1"));
  expect(everything().join()).not.toContain("canary");
  database.close();
  expect(everything().join()).not.toContain("canary");
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
