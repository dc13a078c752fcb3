import { existsSync } from "node:fs";
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

test.each(["SIGTERM", "SIGINT", "SIGKILL"] as const)("a temporary place goes with its process: %s", async (signal) => {
  const temporary = temporaryDirectory();
  const env = { PATH: process.env["PATH"] ?? "", TMPDIR: temporary };
  const program = new Program([process.execPath, "--input-type=module", "-e", SCRIPT], { directory: temporary, env });
  const line = await program.next(({ directory }) => typeof directory === "string");
  const directory = String(line["directory"]);
  expect(existsSync(directory)).toBe(true);
  program.signal(signal);
  await program.outcome();
  await expect.poll(() => existsSync(directory), { timeout: 20_000 }).toBe(false);
});

test("a temporary place is gone once it is left", () => {
  const place = enterPlace(undefined);
  expect(existsSync(place.directory)).toBe(true);
  place.leave();
  expect(existsSync(place.directory)).toBe(false);
});
