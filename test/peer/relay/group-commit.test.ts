import { describe, expect, test } from "vitest";
import { GroupCommit } from "../../../peer/relay/group-commit.ts";
import { ChatError } from "../../../shared/errors.ts";
import { expectError } from "../../support/expect-error.ts";

/** A database that keeps what is written, unless the disk says no at the end of the transaction. */
function fakeDatabase(refusal?: ChatError) {
  const commits: string[][] = [];
  let pending: string[] = [];
  return {
    commits,
    write: (text: string) => () => {
      pending.push(text);
      return text;
    },
    database: {
      transaction<T>(work: () => T): T {
        pending = [];
        const result = work();
        if (refusal !== undefined) throw refusal;
        commits.push(pending);
        return result;
      },
      part<T>(work: () => T): T {
        const before = pending.length;
        try {
          return work();
        } catch (error) {
          pending.length = before;
          throw error;
        }
      },
    },
  };
}

describe("writes of one turn", () => {
  test("share one transaction, and settle after it", async () => {
    const { database, commits, write } = fakeDatabase();
    const group = new GroupCommit(database);
    const settled = ["a", "b", "c"].map((text) => group.write(write(text)).then((value) => [value, commits.length]));
    expect(await Promise.all(settled)).toEqual([
      ["a", 1],
      ["b", 1],
      ["c", 1],
    ]);
    await group.write(write("d"));
    expect(commits).toEqual([["a", "b", "c"], ["d"]]);
  });

  test("fail together when the disk does not take them: none is told that it is stored", async () => {
    const full = new ChatError("STORAGE", "the disk is full", { reason: "full" });
    const { database, commits, write } = fakeDatabase(full);
    const group = new GroupCommit(database);
    const writes = ["a", "b"].map((text) => group.write(write(text)));
    for (const attempt of writes) await expectError(attempt, "STORAGE", "full");
    expect(commits).toEqual([]);
  });

  test("that are refused before they change anything leave the others theirs", async () => {
    const { database, commits, write } = fakeDatabase();
    const group = new GroupCommit(database);
    const refused = group.write(() => {
      throw new ChatError("QUOTA", "there is no room", { reason: "box" });
    });
    const stored = group.write(write("a"));
    await expectError(refused, "QUOTA", "box");
    expect(await stored).toBe("a");
    expect(commits).toEqual([["a"]]);
  });

  test("that fail half-way are undone, and leave the others theirs", async () => {
    const { database, commits, write } = fakeDatabase();
    const group = new GroupCommit(database);
    const before = group.write(write("a"));
    const failed = group.write(() => {
      write("b")();
      throw new Error("UNIQUE constraint failed");
    });
    const after = group.write(write("c"));
    await expect(failed).rejects.toThrow("UNIQUE constraint failed");
    expect([await before, await after]).toEqual(["a", "c"]);
    expect(commits).toEqual([["a", "c"]]);
  });
});
