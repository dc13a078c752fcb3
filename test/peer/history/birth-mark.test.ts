import { copyFileSync, cpSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isSameBirth, readBirthMark } from "../../../peer/history/birth-mark.ts";
import { expectError } from "../../support/expect-error.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

function mark(inode: bigint, birthNs: bigint): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64BE(inode, 0);
  bytes.writeBigInt64BE(birthNs, 8);
  return bytes;
}

test("a file keeps its mark while it is written, and when it is moved", () => {
  const directory = temporaryDirectory();
  const path = join(directory, "chat.db");
  writeFileSync(path, "one");
  const before = readBirthMark(path);
  writeFileSync(path, "two");
  expect(isSameBirth(before, readBirthMark(path))).toBe(true);
  renameSync(path, join(directory, "moved.db"));
  expect(isSameBirth(before, readBirthMark(join(directory, "moved.db")))).toBe(true);
});

test("a copy has another mark, also with the original's times", () => {
  const directory = temporaryDirectory();
  const path = join(directory, "chat.db");
  writeFileSync(path, "one");
  const original = readBirthMark(path);
  copyFileSync(path, join(directory, "copy.db"));
  cpSync(path, join(directory, "archived.db"), { preserveTimestamps: true });
  for (const copy of ["copy.db", "archived.db"]) {
    expect(isSameBirth(original, readBirthMark(join(directory, copy)))).toBe(false);
  }
});

test("the mark is the inode and the time of birth", () => {
  const path = join(temporaryDirectory(), "chat.db");
  writeFileSync(path, "one");
  const { ino, birthtimeNs, ctimeNs } = statSync(path, { bigint: true });
  expect(Buffer.from(readBirthMark(path))).toEqual(mark(ino, birthtimeNs === ctimeNs ? 0n : birthtimeNs));
});

test("an inode that is used again is told apart by its birth, unless a birth is unknown", () => {
  expect(isSameBirth(mark(7n, 1000n), mark(7n, 1000n))).toBe(true);
  expect(isSameBirth(mark(7n, 1000n), mark(7n, 1001n))).toBe(false);
  expect(isSameBirth(mark(7n, 0n), mark(7n, 1001n))).toBe(true);
  expect(isSameBirth(mark(7n, 1000n), mark(7n, 0n))).toBe(true);
  expect(isSameBirth(mark(7n, 0n), mark(8n, 0n))).toBe(false);
  expect(isSameBirth(mark(2n ** 64n - 1n, -1n), mark(2n ** 64n - 1n, -1n))).toBe(true);
});

test("bytes that are no mark are damage", async () => {
  for (const length of [0, 15, 17]) {
    await expectError(() => isSameBirth(new Uint8Array(length), mark(1n, 1n)), "STORE_CORRUPT");
  }
});
