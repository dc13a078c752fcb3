import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { enterPlace } from "../../../peer/sandbox/place.ts";
import { Program } from "../../support/program.ts";
import { REPOSITORY } from "../../support/programs.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const PLACE = pathToFileURL(`${REPOSITORY}/peer/sandbox/place.ts`);
const SCRIPT = `
  const { enterPlace } = await import("${PLACE}");
  console.log(JSON.stringify(enterPlace(undefined)));
  setInterval(() => undefined, 1000);
`;

test("a temporary place goes with its process, however that ends", async () => {
  const temporary = temporaryDirectory();
  const env = { PATH: process.env["PATH"] ?? "", TMPDIR: temporary };
  const command = [process.execPath, "--input-type=module", "-e", SCRIPT];
  const endBy = async (signal: "SIGTERM" | "SIGINT" | "SIGKILL") => {
    const program = new Program(command, { directory: temporary, env });
    const line = await program.next(({ directory }) => typeof directory === "string");
    const directory = String(line["directory"]);
    expect(existsSync(directory)).toBe(true);
    program.signal(signal);
    await program.outcome();
    await expect.poll(() => existsSync(directory)).toBe(false);
  };
  await Promise.all([endBy("SIGTERM"), endBy("SIGINT"), endBy("SIGKILL")]);
});

test("a temporary place is gone once it is left", () => {
  const place = enterPlace(undefined);
  expect(existsSync(place.directory)).toBe(true);
  place.leave();
  expect(existsSync(place.directory)).toBe(false);
});

test("a directory that was given is an earlier sandbox's then, under the same port, and stays", () => {
  const directory = join(temporaryDirectory(), "some", "lab");
  const first = enterPlace(directory);
  first.remember(4711);
  first.leave();
  expect(first.serverPort).toBeUndefined();
  expect(enterPlace(directory)).toMatchObject({ directory, serverPort: 4711 });
});

test.each([
  "{",
  "",
  "[]",
  '{"v":1}',
  '{"v":1,"serverPort":0}',
  '{"v":1,"serverPort":99999999}',
  '{"v":1,"serverPort":"80"}',
  '{"v":2,"serverPort":4711}',
  '{"serverPort":4711}',
])("a directory whose mark is %j is refused, and left as it is", (mark) => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, "sandbox.json"), mark);
  expect(() => enterPlace(directory)).toThrow(expect.objectContaining({ code: "USAGE" }));
  expect(readFileSync(join(directory, "sandbox.json"), "utf8")).toBe(mark);
});

test("a file, what is below one, and a directory with something else in it are refused", () => {
  const directory = temporaryDirectory();
  const file = join(directory, "letter.txt");
  writeFileSync(file, "dear bob");
  for (const place of [file, join(file, "below"), directory]) {
    expect(() => enterPlace(place)).toThrow(expect.objectContaining({ code: "USAGE" }));
  }
  expect(readdirSync(directory)).toEqual(["letter.txt"]);
});

test.runIf(existsSync("/proc/self"))("a directory that cannot be made is refused at once", async () => {
  const script = `
    const { enterPlace } = await import("${PLACE}");
    try { enterPlace("/proc/nowhere") } catch ({ code }) { console.log(JSON.stringify({ code })) }
  `;
  const command = [process.execPath, "--input-type=module", "-e", script];
  const program = new Program(command, { directory: temporaryDirectory(), env: {} });
  expect(await program.outcome(10_000)).toMatchObject({ code: 0, lines: [{ code: "USAGE" }] });
});

test("a directory in which the mark cannot be written is refused", () => {
  const directory = temporaryDirectory();
  const place = enterPlace(directory);
  mkdirSync(join(directory, "sandbox.json"));
  expect(() => place.remember(4711)).toThrow(expect.objectContaining({ code: "USAGE" }));
});
