import { existsSync, lstatSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { reserveFile } from "../../../peer/history/reserve-file.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

test("a reserve keeps a mebibyte of real blocks, gives them back once, and can be made again", () => {
  const path = join(temporaryDirectory(), "chat.db.reserve");
  const reserve = reserveFile(path);
  expect(reserve.release()).toBe(false);
  expect([reserve.restore(), reserve.restore()]).toEqual([true, true]);
  const { size, blocks, mode } = lstatSync(path);
  expect([size, mode & 0o777]).toEqual([1024 * 1024, 0o600]);
  expect(blocks * 512).toBeGreaterThanOrEqual(1024 * 1024);
  expect([reserve.release(), reserve.release(), existsSync(path)]).toEqual([true, false, false]);
  expect(reserve.restore()).toBe(true);
});

test("a reserve that cannot be made or given back is no failure", () => {
  const directory = temporaryDirectory();
  expect(reserveFile(join(directory, "nowhere", "reserve")).restore()).toBe(false);
  mkdirSync(join(directory, "folder"));
  expect(reserveFile(join(directory, "folder")).release()).toBe(false);
});
