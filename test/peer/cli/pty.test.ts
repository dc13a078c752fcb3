import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startTestServer } from "../../support/control-socket.ts";
import { terminal, terminalWithDaemon } from "../../support/fake-daemon.ts";
import { CHANGE, fakeFeed, MESSAGE } from "../../support/fake-operations.ts";
import { PROGRAMS } from "../../support/programs.ts";
import { readQrCode } from "../../support/qr-reader.ts";

const hasScript = spawnSync("script", ["--version"]).status === 0;

const HOSTILE = "\x1b]0;x\x07 \x1b[2J \u009b31m \x1b]52;c;aGk=\x07 \x1bP+q544e\x1b\\ hi\rbob: pay \u202egpj.exe";

/** What a terminal is sent when a command runs in it. */
async function onTerminal(
  home: string,
  args: string,
  typed = "",
  more: Readonly<Record<string, string>> = {},
): Promise<{ seen: string; status: number | null }> {
  const child = spawn("script", ["-qec", `${process.execPath} ${PROGRAMS.p2pchat} ${args}`, "/dev/null"], {
    env: {
      PATH: process.env["PATH"],
      HOME: home,
      P2PCHAT_HOME: home,
      TERM: "xterm",
      TZ: "UTC",
      NODE_COMPILE_CACHE: PROGRAMS.codeCache,
      ...more,
    },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let seen = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    seen += text;
    if (typed !== "" && seen.endsWith("Type yes: ")) child.stdin.write(typed);
  });
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { seen, status };
}

test.runIf(hasScript)("a terminal gets no escape sequence but our own emphasis", async () => {
  const message = { ...MESSAGE, text: HOSTILE, direction: "in" } as const;
  const { home } = await terminalWithDaemon({ history: async () => ({ messages: [message], older: null }) });
  const { seen } = await onTerminal(home, "history bob");
  expect(seen).toContain("\x1b[1mbob\x1b[22m: <U+001B>]0;x<U+0007>");
  const rest = seen.replaceAll("\x1b[1m", "").replaceAll("\x1b[22m", "").trimEnd();
  expect(rest).toMatch(/^[\x20-\x7e]+$/);
});

test.runIf(hasScript)("send on a terminal does not wait for a message that nobody pipes in", async () => {
  const { home } = await terminalWithDaemon();
  expect(await onTerminal(home, "send bob")).toMatchObject({ status: 1, seen: expect.stringContaining("no message") });
});

test.runIf(hasScript).each([
  ["yes\n", 0, [undefined, "eeee ffff"]],
  ["no\n", 4, [undefined]],
  ["\x04", 4, [undefined]],
  ["\x03", 130, [undefined]],
])("trust shows both fingerprints on a terminal, and %j decides", async (typed, exitCode, accepts) => {
  const asked: (string | undefined)[] = [];
  const { home } = await terminalWithDaemon({
    trust: async ({ username, accept }) => {
      asked.push(accept);
      return {
        username,
        oldFingerprint: "cccc dddd",
        newFingerprint: "eeee ffff",
        accepted: accept !== undefined,
        change: CHANGE,
      };
    },
  });
  const { seen, status } = await onTerminal(home, "trust bob", typed);
  expect(status).toBe(exitCode);
  expect(seen).toMatch(/cccc dddd.*eeee ffff.*does not vouch.*entry 8.*Type yes: /s);
  expect(asked).toEqual(accepts);
});

test.runIf(hasScript)("verify draws the safety number for a camera, above its digits", async () => {
  const safetyNumber = "0123456789".repeat(6);
  const { home } = await terminalWithDaemon({
    verify: async ({ username }) => ({ username, safetyNumber, verified: false }),
  });
  const { seen, status } = await onTerminal(home, "verify bob");
  expect(status).toBe(0);
  const lines = seen.replaceAll(/\x1b\[[\d;]*m/g, "").split("\r\n");
  expect(readQrCode(lines.filter((line) => /[█▀▄]/.test(line)))).toBe(safetyNumber);
  expect(seen).toContain("01234 56789 01234 56789\r\n");
});

test("verify draws nothing where no terminal shows it", async () => {
  const { run } = await terminalWithDaemon();
  const { stdout } = await run(["verify", "bob"]);
  expect(stdout).toMatch(/^12345 12345 12345 12345\n/);
});

test.runIf(hasScript).each([
  ["--notify", "\x1b]9;bob: <U+001B>]52,c,aGk=<U+0007>\x07"],
  ["--notify=names", "\x1b]9;bob: wrote to you\x07"],
])("listen %s notifies through the terminal, harmlessly", async (option, sequence) => {
  const end = { type: "error", code: "PROFILE_UNSAFE", message: "ends here" } as const;
  const feed = fakeFeed([{ type: "message", ...MESSAGE, text: "\x1b]52;c;aGk=\x07" }, end]);
  const own = terminal();
  await startTestServer({ directory: own.profile, feed });
  const { seen } = await onTerminal(own.home, `listen --consumer desk ${option}`);
  expect(seen).toContain(sequence);
  expect(seen).toContain(": <U+001B>]52;c;aGk=<U+0007>\r\n");
  expect(seen.replaceAll(sequence, "")).not.toContain("\x1b]");
});

test.runIf(hasScript)("what is said does not get into the process list for a notification", async () => {
  const end = { type: "error", code: "PROFILE_UNSAFE", message: "ends here" } as const;
  const own = terminal();
  await startTestServer({ directory: own.profile, feed: fakeFeed([{ type: "message", ...MESSAGE }, end]) });
  const [bin, seenFile] = [join(own.home, "bin"), join(own.home, "seen")];
  mkdirSync(bin);
  writeFileSync(
    join(bin, "notify-send"),
    `#!/bin/sh\necho "$@" > ${seenFile}.part && mv ${seenFile}.part ${seenFile}\n`,
  );
  chmodSync(join(bin, "notify-send"), 0o700);
  const { seen } = await onTerminal(own.home, "listen --consumer desk --notify", "", {
    DISPLAY: ":0",
    PATH: `${bin}:${process.env["PATH"]}`,
  });
  expect(seen).toContain("other users could read it");
  await expect.poll(() => existsSync(seenFile)).toBe(true);
  expect(readFileSync(seenFile, "utf8")).toBe("--app-name=p2pchat -- bob wrote to you\n");
});
