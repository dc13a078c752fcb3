import { Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import { createOutput } from "../../../peer/cli/output.ts";
import { terminalWithDaemon } from "../../support/fake-daemon.ts";
import { Program } from "../../support/program.ts";
import { PROGRAMS } from "../../support/programs.ts";

const RESULT = { type: "send", fields: {}, text: "delivered" };

function failingWith(code: string) {
  return new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error(`${code}: no`), { code })),
  });
}

describe("a result that stdout does not take", () => {
  test.each(["ENOSPC", "EDQUOT", "EFBIG", "EIO"])("is lost where the disk is the reason: %s", async (code) => {
    const output = createOutput({ stdout: failingWith(code), stderr: failingWith(code), env: {} }, OPTIONS);
    expect(await output.print(RESULT)).toBe(false);
    expect(output.lost).toMatchObject({ code: "STORAGE", message: `the result cannot be written: ${code}: no` });
  });

  test("is not missed where its reader has left", async () => {
    const output = createOutput({ stdout: failingWith("EPIPE"), stderr: failingWith("EPIPE"), env: {} }, OPTIONS);
    expect(await output.print(RESULT)).toBe(false);
    expect(output.lost).toBeUndefined();
  });
});

const OPTIONS = { json: true, quiet: false };

describe.runIf(process.platform === "linux")("on a full disk", () => {
  test.each([
    ["whoami", ["whoami"]],
    ["whoami", ["whoami", "--json"]],
    ["the help", ["--help"]],
  ])("%s ends with exit code 3 and says why on stderr: %j", async (_what, args) => {
    const { code, stderr } = await runInto("/dev/full", args);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^p2pchat: the result cannot be written: ENOSPC/);
  });

  test("an error is said on stderr even with --json, and keeps its exit code", async () => {
    const { code, stderr } = await runInto("/dev/full", ["no-such-command", "--json"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^p2pchat: there is no command no-such-command/);
  });
});

async function runInto(device: string, args: readonly string[]) {
  const { home } = await terminalWithDaemon();
  const redirected = ["/bin/sh", "-c", `exec "$@" > ${device}`, "sh", process.execPath, PROGRAMS.p2pchat, ...args];
  const env = { PATH: process.env["PATH"] ?? "", HOME: home, P2PCHAT_HOME: home };
  return new Program(redirected, { env, directory: home, stdin: "" }).outcome();
}
