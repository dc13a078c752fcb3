import { expect, onTestFinished, test } from "vitest";
import { Callers } from "../../../peer/sandbox/callers.ts";
import { Gate } from "../../../peer/sandbox/gate.ts";
import { launchBehind } from "../../../peer/sandbox/launch.ts";
import { Links } from "../../../peer/sandbox/links.ts";
import { NamingServer } from "../../../peer/sandbox/naming-server.ts";
import { FakeTime } from "../../support/fake-time.ts";
import { Program } from "../../support/program.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const ENV = { PATH: process.env["PATH"] ?? "" };

async function openGate(): Promise<Gate> {
  const runtime = new FakeTime().runtime("gate");
  const links = new Links(() => gate.review());
  const gate = await Gate.open({ owner: "bob", links, callers: new Callers(runtime), runtime });
  onTestFinished(() => gate[Symbol.asyncDispose]());
  return gate;
}

/** Starts a shell that does this, and keeps everything it started. */
function shell(script: string) {
  const started: Program[] = [];
  const start = () => {
    const program = new Program(["/bin/sh", "-c", script], { directory: temporaryDirectory(), env: ENV });
    started.push(program);
    return program;
  };
  return { started, start };
}

test("what does not serve in time is ended, and nobody is led to it any more", async () => {
  const [gate, { started, start }] = [await openGate(), shell("exec sleep 60")];
  const launch = launchBehind(gate, { type: "ready", start, timeoutMs: 10 });
  await expect(launch).rejects.toMatchObject({ code: "TIMED_OUT" });
  expect(started.map(({ isRunning }) => isRunning)).toEqual([false]);
  expect(gate.target).toBeUndefined();
});

test("a naming server that does not serve in time is ended, and can be started again", async () => {
  const [gate, { started, start }] = [await openGate(), shell("exec sleep 60")];
  const onDeath = () => expect.unreachable("nobody waits for word of it");
  const server = new NamingServer({ gate, databasePath: "naming.db", run: start, onDeath, timeoutMs: 10 });
  for (const starts of [1, 2]) {
    await expect(server.start()).rejects.toMatchObject({ code: "TIMED_OUT" });
    expect(started.map(({ isRunning }) => isRunning)).toEqual(Array(starts).fill(false));
    expect(server.state).toBe("stopped");
  }
});

test("a port that somebody else was faster to take is no reason to give up, another one is", async () => {
  const line = { v: 1, type: "error", code: "CONFIG_INVALID", message: "no", reason: "listen" };
  const taken = shell(`echo '${JSON.stringify(line)}'`);
  await expect(launchBehind(await openGate(), { ...taken, type: "ready" })).rejects.toMatchObject({ code: "INTERNAL" });
  expect(taken.started).toHaveLength(5);
  const other = shell(`echo '${JSON.stringify({ ...line, reason: "server" })}'`);
  await expect(launchBehind(await openGate(), { ...other, type: "ready" })).rejects.toMatchObject({ code: "INTERNAL" });
  expect(other.started).toHaveLength(1);
});
