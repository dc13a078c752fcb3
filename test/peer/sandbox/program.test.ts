import { expect, test } from "vitest";
import { Program } from "../../../peer/sandbox/program.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

function run(script: string): Program {
  return new Program([process.execPath, "-e", script], { directory: temporaryDirectory(), env: {} });
}

test("what a program does not do in time is TIMED_OUT, and the end of one that does not end", async () => {
  const program = run('console.log("up"); setInterval(() => undefined, 1000)');
  await program.until(() => program.stdout === "up\n");
  await expect(program.next(() => true, 10)).rejects.toMatchObject({ code: "TIMED_OUT" });
  expect(program.isRunning).toBe(true);
  await expect(program.outcome(10)).rejects.toMatchObject({ code: "TIMED_OUT" });
  expect(await program.exited).toMatchObject({ signal: "SIGKILL" });
});

test("a program that ends before it did what was waited for is INTERNAL, with its last words", async () => {
  const program = run('console.error("no such luck"); process.exitCode = 3');
  await expect(program.next(() => true)).rejects.toMatchObject({
    code: "INTERNAL",
    message: expect.stringContaining("no such luck"),
  });
});
