import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { createSealer } from "../../../peer/history/sealer.ts";
import { utf8 } from "../../../shared/bytes.ts";
import { nextLine, runScript, startScript } from "../../support/child-process.ts";
import { expectError } from "../../support/expect-error.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { countNotes, newDatabase, newPath } from "./notes-database.ts";

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
