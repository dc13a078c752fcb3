import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ADVICE } from "../../../peer/cli/advice.ts";
import { EXIT, EXIT_CODES, type ExitCode } from "../../../peer/cli/exit-codes.ts";
import { ERROR_CODES, type ErrorCode } from "../../../shared/errors.ts";

const ROOT = join(import.meta.dirname, "../../..");
const SCRIPTING = readFileSync(join(ROOT, "docs/SCRIPTING.md"), "utf8");

/** The rows of a table, by its first cell, which is code. */
function rowsOf(heading: string): ReadonlyMap<string, readonly string[]> {
  const [, section = ""] = SCRIPTING.split(`\n## ${heading}\n`);
  const [table = ""] = section.split("\n## ");
  const rows = table.split("\n").flatMap((line) => {
    const cells = line.split("|").map((cell) => cell.trim());
    const name = /^`([^`]+)`$/.exec(cells[1] ?? "")?.[1];
    return name === undefined ? [] : [[name, cells.slice(2, -1)] as const];
  });
  return new Map(rows);
}

test("the table of error codes has each code, its exit code, its meaning and what to do", () => {
  const rows = rowsOf("Error codes");
  expect([...rows.keys()].toSorted()).toEqual([...ERROR_CODES].toSorted());
  for (const code of ERROR_CODES) {
    const [exit, meaning, remedy] = rows.get(code) ?? [];
    expect({ code, exit }).toEqual({ code, exit: String(EXIT_CODES[code]) });
    expect({ code, meaning, remedy }).toEqual({
      code,
      meaning: expect.stringMatching(/\S/),
      remedy: expect.stringMatching(/\S/),
    });
  }
});

test("whoever meets what a newer version wrote or wants is told to update, and not only to throw it away", () => {
  for (const code of ["STORE_CORRUPT", "REQUEST_INVALID", "NOT_FOUND", "VERSION_UNSUPPORTED"] as const) {
    expect({ code, advice: ADVICE[code] }).toEqual({ code, advice: expect.stringMatching(/update/i) });
  }
});

test("the table of exit codes has each of them", () => {
  const documented = [...rowsOf("Exit codes").keys()].map(Number);
  expect(documented).toEqual(Object.values(EXIT));
  const unused: ExitCode[] = [EXIT.ok, EXIT.notDelivered];
  const used: ReadonlySet<ExitCode> = new Set(Object.values(EXIT_CODES));
  expect(Object.values(EXIT).filter((code) => !used.has(code))).toEqual(unused);
});

/**
 * Codes that no command ends with: between the parts of the program, between peers, or of ways of delivery that are to
 * come. They may stand in logs and, of a message, in `devices[].error`.
 */
const INTERNAL_ONLY: readonly ErrorCode[] = [
  "FRAME_INVALID",
  "FRAME_TOO_LARGE",
  "KEY_PACKAGES_FULL",
  "PRIVACY_UNMET",
  "RELAYS_FULL",
  "SESSION_INVALID",
  "SESSION_OUT_OF_ORDER",
  "SESSION_UNKNOWN",
  "VERSION_UNSUPPORTED",
];

/** Tests that run the program, in a process or in their own. */
const RUNS_PROGRAM = /support\/(?:p2pchat|fake-daemon)\.ts"|\brunProgram\b/;

function sourcesBelow(...directories: readonly string[]): readonly string[] {
  const files = directories.flatMap((directory) =>
    readdirSync(join(ROOT, directory), { recursive: true, encoding: "utf8" }).map((name) =>
      join(ROOT, directory, name),
    ),
  );
  const tests = files.filter((file) => file.endsWith(".test.ts") && !/[a-z]+-codes\.test\.ts$/.test(file));
  const own = join(ROOT, "test/e2e/exit-codes.test.ts");
  return [...tests, own].map((file) => readFileSync(file, "utf8"));
}

function missingIn(sources: readonly string[]): readonly ErrorCode[] {
  const text = sources.join("\n");
  return ERROR_CODES.filter((code) => !text.includes(`"${code}"`));
}

test("each error code that a command can end with is produced by a test of the program", () => {
  const sources = sourcesBelow("test/e2e", "test/peer/cli").filter((text) => RUNS_PROGRAM.test(text));
  expect(missingIn(sources).toSorted()).toEqual(INTERNAL_ONLY.toSorted());
});

test("codes that nothing gives a reason for are called unused, and no others are", () => {
  const tables = /(?:errors|exit-codes|advice|problem)\.ts$/;
  const sources = ["shared", "naming-server", "peer"].flatMap((directory) =>
    readdirSync(join(ROOT, directory), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !tables.test(name))
      .map((name) => readFileSync(join(ROOT, directory, name), "utf8")),
  );
  const rows = rowsOf("Error codes");
  const calledUnused = ERROR_CODES.filter((code) => rows.get(code)?.[1]?.startsWith("not used"));
  expect(calledUnused).toEqual(missingIn(sources));
  const met = ERROR_CODES.filter((code) => !calledUnused.includes(code)).map((code) => EXIT_CODES[code]);
  expect(met).not.toContain(EXIT.privacy);
});

test("advice is given for no code that does not exist", () => {
  expect(Object.keys(ADVICE).filter((code) => !(code in EXIT_CODES))).toEqual([]);
});
