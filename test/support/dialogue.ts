import { spawn } from "node:child_process";
import { onTestFinished } from "vitest";
import type { Person } from "./p2pchat.ts";

/** What a person waits for on their terminal, and what they type then; each is looked for behind the one before. */
export type Exchange = readonly [expected: string, typed: string];

const PATIENCE_MS = 40_000;

/** Runs `p2pchat` on a terminal of its own, and answers what it asks. */
export async function dialogue(
  person: Person,
  command: string,
  exchanges: readonly Exchange[],
): Promise<{ readonly seen: string; readonly status: number | null }> {
  const child = spawn("script", ["-qec", command, "/dev/null"], {
    cwd: person.world.directory,
    env: { ...person.environment(), TERM: "xterm", TZ: "UTC" },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const late = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  const open = [...exchanges];
  let [seen, read] = ["", 0];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    seen += text;
    for (let [next] = open; next !== undefined; [next] = open) {
      const place = seen.indexOf(next[0], read);
      if (place === -1) break;
      read = place + next[0].length;
      child.stdin.write(next[1]);
      open.shift();
    }
  });
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(late);
  if (open[0] !== undefined) throw new Error(`never asked "${open[0][0]}":\n${seen}`);
  return { seen, status };
}
