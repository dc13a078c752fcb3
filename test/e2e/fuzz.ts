/*
 * `npm run fuzz`: what test/naming-server/fuzz.test.ts does, for as long as one likes. `--seconds 600` and `--seed N`,
 * which it prints.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { fillDatabase, nameOf, signIn } from "../../bench/support/names.ts";
import { deviceIdOf } from "../../shared/device-id.ts";
import { rawPublicKey } from "../../shared/ed25519.ts";
import { fuzzServer } from "../support/http-fuzz.ts";
import { AUDIENCE } from "../support/people.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "300" }, seed: { type: "string" } },
});
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
const ms = Number(values.seconds) * 1000;

const home = mkdtempSync(join(tmpdir(), "p2pchat-fuzz-"));
const databasePath = join(home, "naming.db");
const [member] = await fillDatabase(databasePath, 100);
const main = fileURLToPath(new URL("../../naming-server/main.ts", import.meta.url));
const flags = ["--port", "0", "--database-url", `sqlite:${databasePath}`, "--public-url", AUDIENCE];
const child = spawn(process.execPath, [main, ...flags, "--rate-limit-factor", "1000000", "--log-level", "error"], {
  stdio: ["ignore", "pipe", "inherit"],
});
try {
  const url = await urlOf(child);
  console.log(`fuzzing ${url} for ${values.seconds} s with seed ${seed}`);
  const device = deviceIdOf(rawPublicKey(member.deviceKey));
  const started = performance.now();
  for (let round = 0; performance.now() - started < ms; round += 1) {
    // a token lasts ten minutes
    const insider = { token: await signIn(url, member), name: nameOf(0), device };
    const left = Math.min(ms - (performance.now() - started), 300_000);
    await fuzzServer({ url, insider, seed: seed + round }, { runs: 1_000_000, ms: left });
    if (child.exitCode !== null) throw new Error(`the server has ended with ${child.exitCode}`);
  }
  await signIn(url, member);
  console.log("no fault found");
} finally {
  const ended = once(child, "exit");
  if (child.exitCode === null) child.kill("SIGTERM");
  await ended;
  rmSync(home, { recursive: true, force: true });
}

async function urlOf({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error("the server has no stdout");
  for await (const line of createInterface({ input: stdout })) {
    const [, url] = /listening on (\S+)$/.exec(line) ?? [];
    if (url !== undefined) return url;
  }
  throw new Error("the server did not start");
}
