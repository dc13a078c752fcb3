import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "./temporary-directory.ts";

const OPERATIONS = new URL("../../docs/OPERATIONS.md", import.meta.url);

/** The unit in docs/OPERATIONS.md whose description ends so. */
export class SystemdUnit {
  readonly #text: string;

  constructor(description: string) {
    const blocks = [...readFileSync(OPERATIONS, "utf8").matchAll(/^```ini\n([\s\S]*?)^```/gm)].map(
      ([, text = ""]) => text,
    );
    const text = blocks.find((block) => block.includes(`Description=p2pchat ${description}\n`));
    if (text === undefined) throw new Error(`there is no unit of ${description}`);
    this.#text = text;
  }

  /** The words of all assignments to that name. */
  words(name: string): string[] {
    return this.lines(name).flatMap((line) => line.split(" "));
  }

  lines(name: string): string[] {
    return [...this.#text.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].map(([, value = ""]) => value);
  }

  /** A file of it with a program that is there. */
  #writeTo(file: string): void {
    writeFileSync(file, this.#text.replace(/^ExecStart=\S+/m, "ExecStart=/bin/true"));
  }

  /** What `systemd-analyze` says of it, and how it ends. */
  analyze(...args: readonly string[]): { readonly status: number | null; readonly output: string } {
    const file = join(temporaryDirectory(), "p2pchat-test.service");
    this.#writeTo(file);
    const { status, stdout, stderr } = spawnSync("systemd-analyze", [...args, file], {
      encoding: "utf8",
      timeout: 20_000,
    });
    return { status, output: `${stdout}${stderr}` };
  }

  /** The system calls that `SystemCallFilter` lets through. */
  allowedCalls(): Set<string> {
    const sets = systemCallSets();
    const allowed = new Set<string>();
    for (const line of this.lines("SystemCallFilter")) {
      const isTaken = line.startsWith("~");
      for (const call of line
        .replace("~", "")
        .split(" ")
        .flatMap((name) => callsOf(name, sets))) {
        if (isTaken) allowed.delete(call);
        else allowed.add(call);
      }
    }
    return allowed;
  }
}

function systemCallSets(): Map<string, string[]> {
  const { stdout } = spawnSync("systemd-analyze", ["syscall-filter", "--no-pager"], {
    encoding: "utf8",
    timeout: 20_000,
  });
  const sets = new Map<string, string[]>();
  let name = "";
  for (const line of stdout.split("\n").filter((text) => text.trim() !== "" && !text.trim().startsWith("#"))) {
    if (!line.startsWith(" ")) name = line.trim();
    else sets.set(name, [...(sets.get(name) ?? []), line.trim()]);
  }
  return sets;
}

function callsOf(name: string, sets: Map<string, string[]>): string[] {
  return name.startsWith("@") ? (sets.get(name) ?? []).flatMap((member) => callsOf(member, sets)) : [name];
}
