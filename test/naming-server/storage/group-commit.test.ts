import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { GroupCommit } from "../../../naming-server/storage/group-commit.ts";
import { ChatError } from "../../../shared/errors.ts";
import { expectError } from "../../support/expect-error.ts";

function open(maxWrites = 64) {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE t (x INTEGER PRIMARY KEY) STRICT");
  const commits = new GroupCommit(database, maxWrites);
  const insert = database.prepare("INSERT INTO t VALUES (?)");
  const rows = () =>
    database
      .prepare("SELECT x FROM t ORDER BY x")
      .all()
      .map(({ x }) => x);
  return { database, commits, insert, rows };
}

describe("writes of one turn", () => {
  test("settle after their common commit, with what each returned", async () => {
    const { commits, insert, rows } = open();
    const seenByEach: unknown[] = [];
    const writes = [1, 2, 3].map((x) =>
      commits.write(() => {
        insert.run(x);
        seenByEach.push(rows());
        return x * 10;
      }),
    );
    expect(rows()).toEqual([]);
    expect(await Promise.all(writes)).toEqual([10, 20, 30]);
    expect(seenByEach).toEqual([[1], [1, 2], [1, 2, 3]]);
  });

  test("fail alone: a refusal or a constraint undoes its own rows only", async () => {
    const { commits, insert, rows } = open();
    const refused = commits.write(() => {
      insert.run(1);
      throw new ChatError("KEY_IN_USE", "no");
    });
    const doubled = commits.write(() => {
      insert.run(2);
      insert.run(2);
    });
    const fine = commits.write(() => insert.run(3).changes);
    await expectError(refused, "KEY_IN_USE");
    await expect(doubled).rejects.toThrow("UNIQUE");
    expect(await fine).toBe(1);
    expect(rows()).toEqual([3]);
  });

  test("all fail when the database does, and later ones go on", async () => {
    const { commits, insert, rows } = open();
    const fault = Object.assign(new Error("database or disk is full"), { errcode: 13 });
    const first = commits.write(() => insert.run(1));
    const second = commits.write(() => {
      throw fault;
    });
    const outcomes = await Promise.allSettled([first, second]);
    expect(outcomes.map((outcome) => outcome.status === "rejected" && outcome.reason.code)).toEqual([
      "STORAGE",
      "STORAGE",
    ]);
    expect(rows()).toEqual([]);
    await commits.write(() => insert.run(1));
    expect(rows()).toEqual([1]);
  });

  test("beyond the largest group take a further transaction", async () => {
    const { commits, insert, rows } = open(2);
    await Promise.all([1, 2, 3, 4, 5].map((x) => commits.write(() => insert.run(x))));
    expect(rows()).toEqual([1, 2, 3, 4, 5]);
  });

  test("are committed at once by a flush", async () => {
    const { commits, insert, rows } = open();
    const write = commits.write(() => insert.run(1));
    commits.flush();
    expect(rows()).toEqual([1]);
    await write;
  });
});
