/*
 * `npm run demo`: a naming server on its embedded database, two people, one message, all as real processes on this
 * machine; then everything is gone again.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const SERVER = new URL("../../naming-server/main.ts", import.meta.url).pathname;
const P2PCHAT = new URL("../../peer/main.ts", import.meta.url).pathname;
const PATIENCE_MS = 60_000;

const home = mkdtempSync(join(tmpdir(), "p2pchat-demo-"));
const started: ChildProcess[] = [];
const patience = setTimeout(() => fail("the demo took longer than it may"), PATIENCE_MS);

try {
  say("p2pchat-naming-server", "a naming server on SQLite");
  const database = `sqlite:${join(home, "naming.db")}`;
  const server = start(SERVER, ["--port", "0", "--database-url", database, "--log-level", "error"]);
  const url = (await lineWith(server, "listening on")).replace(/.*listening on /, "");
  for (const name of ["alice", "bob"]) {
    say(`p2pchat register ${name} --server ${url} --no-passphrase`);
    await run(name, ["register", name, "--server", url, "--no-passphrase"]);
  }
  say("p2pchat listen", "in bob's terminal");
  const bob = start(P2PCHAT, [...profile("bob"), "listen", "--json"]);
  await lineWith(bob, '"type":"ready"');
  const arrival = lineWith(bob, '"type":"message"');
  say('p2pchat send bob "hi"', "in alice's terminal");
  await run("alice", ["send", "bob", "hi"]);
  const { from, text } = JSON.parse(await arrival) as { from: string; text: string };
  console.log(`\nbob's terminal shows\n  ${from}: ${text}\n`);
} catch (error) {
  fail(error instanceof Error ? error.message : String(error));
} finally {
  clearTimeout(patience);
  await Promise.all(started.map(stop));
  rmSync(home, { recursive: true, force: true });
}

function profile(name: string): string[] {
  return ["--home", home, "--profile", name];
}

function say(command: string, remark = ""): void {
  console.log(`$ ${command}${remark && `   # ${remark}`}`);
}

function start(program: string, args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  started.push(child);
  return child;
}

/** Runs a command of one person to its end and shows what it prints. */
async function run(name: string, args: readonly string[]): Promise<void> {
  const child = start(P2PCHAT, [...profile(name), ...args]);
  child.stdout?.setEncoding("utf8").on("data", (text: string) => process.stdout.write(text.replace(/^(?=.)/gm, "  ")));
  const [code] = await new Promise<[number | null]>((resolve) => child.once("close", (status) => resolve([status])));
  if (code !== 0) throw new Error(`p2pchat ${args.join(" ")} ended with ${code}`);
}

async function lineWith(child: ChildProcess, part: string): Promise<string> {
  if (child.stdout === null) throw new Error("no output to read");
  for await (const line of createInterface({ input: child.stdout })) if (line.includes(part)) return line;
  throw new Error(`ended without printing ${part}`);
}

function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("close", () => resolve());
    child.kill("SIGTERM");
  });
}

function fail(message: string): void {
  console.error(`demo failed: ${message}`);
  process.exitCode = 1;
  for (const child of started) child.kill("SIGKILL");
}
