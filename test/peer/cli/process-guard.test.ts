import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const SCRIPT = fileURLToPath(new URL("./guarded-script.ts", import.meta.url));
const isLinux = process.platform === "linux";

/** A guarded process that answers whatever it is told with what it knows about its debugger. */
async function guarded(env: Record<string, string> = {}, ...args: string[]) {
  const child = spawn(process.execPath, [SCRIPT, ...args], {
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints += text;
  });
  await once(child.stdout, "data");
  return { child, complaints: () => complaints };
}

async function ask(child: ChildProcessByStdio<Writable, Readable, Readable>): Promise<unknown> {
  child.stdin.write("?\n");
  const [answer] = await once(child.stdout, "data");
  return JSON.parse(String(answer));
}

test("SIGUSR1 opens no debugger, and does not end the process", async () => {
  const { child, complaints } = await guarded();
  child.kill("SIGUSR1");
  expect(await ask(child)).toEqual({ debugger: null, options: null });
  expect(complaints()).not.toContain("Debugger");
});

test.runIf(process.execve !== undefined)("a debugger that NODE_OPTIONS asks for listens no more", async () => {
  const { child, complaints } = await guarded({ NODE_OPTIONS: "--inspect=127.0.0.1:0" });
  expect(await ask(child)).toEqual({ debugger: null, options: null });
  const [, port] = /127\.0\.0\.1:(\d+)/.exec(complaints()) ?? [];
  const [error] = await once(connect(Number(port), "127.0.0.1"), "error");
  expect(error).toMatchObject({ code: "ECONNREFUSED" });
});

test("other options of Node stay", async () => {
  const { child } = await guarded({ NODE_OPTIONS: "--max-old-space-size=200" });
  expect(await ask(child)).toMatchObject({ options: "--max-old-space-size=200" });
});

test.runIf(isLinux)("the arguments can no longer be seen in the process list", async () => {
  const { child } = await guarded({}, "send", "bob", "the canary");
  const seen = readFileSync(`/proc/${child.pid}/cmdline`, "latin1");
  expect(seen).toContain("p2pchat");
  expect(seen).not.toContain("canary");
});

test.runIf(isLinux)("a core dump would hold no memory", async () => {
  const { child } = await guarded();
  expect(Number.parseInt(readFileSync(`/proc/${child.pid}/coredump_filter`, "latin1"), 16)).toBe(0);
});
