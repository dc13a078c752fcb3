import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Terminal } from "./fake-daemon.ts";
import { PROGRAMS } from "./programs.ts";

const PATIENCE_MS = 25_000;

export function hasShell(name: string): boolean {
  const there = spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0;
  if (!there) console.warn(`SKIPPING what needs the shell ${name}: not installed`);
  return there;
}

/** An environment in which `p2pchat` is the program of this checkout, with that terminal's profile. */
export function shellEnvironment({ home }: Terminal): Record<string, string> {
  const bin = join(home, "bin");
  mkdirSync(bin, { recursive: true });
  const path = join(bin, "p2pchat");
  writeFileSync(path, `#!/bin/sh\nexec ${process.execPath} ${PROGRAMS.p2pchat} "$@"\n`);
  chmodSync(path, 0o700);
  const inherited = Object.entries(process.env).filter(([name]) =>
    /^(?:LD_LIBRARY_PATH|FPATH|MODULE_PATH)$/.test(name),
  );
  const own = {
    NODE_COMPILE_CACHE: PROGRAMS.codeCache,
    HOME: home,
    P2PCHAT_HOME: home,
    TERM: "xterm",
    TZ: "UTC",
    PATH: `${bin}:${process.env["PATH"]}`,
  };
  return { ...Object.fromEntries(inherited.map(([name, value]) => [name, value ?? ""])), ...own };
}

/** What a shell shows on a terminal of its own when that is typed, once its prompt is there. */
export async function typeInShell(
  shell: string,
  typed: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const child = spawn("script", ["-qec", shell, "/dev/null"], { cwd: env["HOME"], env });
  const late = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  onTestFinished(() => void child.kill("SIGKILL"));
  const open = [...typed];
  let [seen, read] = ["", 0];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    seen += text;
    const prompt = seen.indexOf("READY", read);
    const next = prompt === -1 ? undefined : open.shift();
    if (next === undefined) return;
    read = seen.length;
    child.stdin.write(next);
  });
  await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(late);
  return seen;
}
