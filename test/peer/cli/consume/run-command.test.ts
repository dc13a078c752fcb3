import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { findCommand, type RunCommandOptions, runCommand } from "../../../../peer/cli/consume/run-command.ts";
import { expectError } from "../../../support/expect-error.ts";
import { temporaryDirectory } from "../../../support/temporary-directory.ts";

const node = process.execPath;
const never = new AbortController().signal;
const env = { PATH: process.env["PATH"] };
const run = (args: readonly string[], options: Partial<RunCommandOptions> = {}) =>
  runCommand({ file: node, args }, { input: "", env, timeoutMs: 20_000, signal: never, ...options });

describe("a command", () => {
  test("reads its input, and gets its arguments as they are", async () => {
    const file = join(temporaryDirectory(), "got");
    const script = `
      let input = "";
      process.stdin.on("data", (part) => (input += part)).on("end", () =>
        require("fs").writeFileSync(process.argv[1], JSON.stringify([input, process.argv.slice(2)])));`;
    const args = ["$HOME; `id`", "*", "a b", ""];
    expect(await run(["-e", script, file, ...args], { input: "event\n" })).toBeUndefined();
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(["event\n", args]);
  });

  test.each([
    ["another exit code", ["-e", "process.exitCode = 3"], "ended with exit code 3"],
    ["a signal", ["-e", "process.kill(process.pid, 'SIGKILL')"], "ended with SIGKILL"],
  ])("fails by %s", async (_what, args, failure) => {
    expect(await run(args)).toBe(failure);
  });

  test("may leave its input unread", async () => {
    expect(await run(["-e", "process.exit(0)"], { input: "x".repeat(1_000_000) })).toBeUndefined();
  });

  test("that takes too long is ended, with what it has started", async () => {
    const file = join(temporaryDirectory(), "pid");
    const script = `
      const child = require("child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
      require("fs").writeFileSync(${JSON.stringify(file)}, String(child.pid));
      setInterval(() => {}, 1000);`;
    expect(await run(["-e", script], { timeoutMs: 1500 })).toBe("took longer than 1500 ms");
    const pid = Number(readFileSync(file, "utf8"));
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  test("is ended with what it has started, though that takes no heed of being asked and the command itself does", async () => {
    const file = join(temporaryDirectory(), "pid");
    const deaf = `
      process.on("SIGTERM", () => {});
      require("fs").writeFileSync(${JSON.stringify(file)}, String(process.pid));
      setInterval(() => {}, 1000);`;
    const script = `
      require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(deaf)}], { stdio: "ignore" });
      setInterval(() => {}, 1000);`;
    const stop = new AbortController();
    const ending = run(["-e", script], { signal: stop.signal, lastWordsMs: 50 });
    await expect.poll(() => existsSync(file) && readFileSync(file, "utf8")).toMatch(/\d/);
    const pid = Number(readFileSync(file, "utf8"));
    onTestFinished(() => {
      if (isAlive(pid)) process.kill(pid, "SIGKILL");
    });
    stop.abort();
    expect(await ending).toBe("ended with SIGTERM");
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  test("is ended when nobody waits for it any more", async () => {
    const stop = new AbortController();
    const ending = run(["-e", "setInterval(() => {}, 1000)"], { signal: stop.signal });
    stop.abort();
    expect(await ending).toBe("ended with SIGTERM");
  });

  test("that is gone fails, and throws nothing", async () => {
    const file = join(temporaryDirectory(), "gone");
    const failure = await runCommand({ file, args: [] }, { input: "x", env, timeoutMs: 1000, signal: never });
    expect(failure).toContain("ENOENT");
  });
});

function isAlive(pid: number): boolean {
  try {
    // Whoever ended and was not waited for yet still has a number.
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

describe("a command's name", () => {
  function commands() {
    const directory = temporaryDirectory();
    const place = (name: string, mode: number) => {
      writeFileSync(join(directory, name), "");
      chmodSync(join(directory, name), mode);
    };
    place("hook", 0o700);
    place("data", 0o600);
    mkdirSync(join(directory, "folder"));
    return directory;
  }

  test("is looked for in PATH, or is a path", () => {
    const directory = commands();
    expect(findCommand("hook", `/nowhere:${directory}`)).toBe(join(directory, "hook"));
    expect(findCommand(join(directory, "hook"), "")).toBe(join(directory, "hook"));
  });

  test.each(["absent", "data", "folder", "hook --loud", "./hook"])("%s is refused where it is none", async (name) => {
    const directory = commands();
    await expectError(() => findCommand(name, directory), "USAGE");
  });
});
