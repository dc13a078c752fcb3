import { spawn } from "node:child_process";

const PATIENCE_MS = 20_000;
const CTRL_D = "\x04";

/**
 * Milliseconds from the start of a program on a terminal of its own until it has shown that text. It is left by Ctrl+D.
 *
 * @param args  of Node
 */
export async function timeToScreen(args: readonly string[], env: NodeJS.ProcessEnv, shown: string): Promise<number> {
  const command = `stty cols 100 rows 30; exec ${[process.execPath, ...args].map(quoted).join(" ")}`;
  const startedMs = performance.now();
  const child = spawn("script", ["-qefc", command, "/dev/null"], {
    env: { ...env, TERM: "xterm", SHELL: "/bin/sh" },
    stdio: ["pipe", "pipe", "inherit"],
    timeout: PATIENCE_MS,
  });
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let seen = "";
  let tookMs: number | undefined;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    seen += text;
    if (tookMs !== undefined || !seen.includes(shown)) return;
    tookMs = performance.now() - startedMs;
    child.stdin.write(CTRL_D);
  });
  await closed;
  if (tookMs === undefined) throw new Error(`the program ended before it showed ${shown}`);
  return tookMs;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
