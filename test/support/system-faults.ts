import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { UNSHARE } from "./capabilities.ts";
import { nextLine, startCommand } from "./child-process.ts";

/**
 * Starts a command under strace, which kills it on entering the `when`th of these system calls of a thread. The command
 * stays the direct child.
 */
export function killedAt(call: string, when: number): readonly string[] {
  return [...tracing(call, "/dev/null"), "-e", `inject=${call}:signal=KILL:when=${when}`];
}

/** Starts a command under strace, which writes these system calls to a file. */
export function tracing(call: string, file: string): readonly string[] {
  return ["strace", "-D", "-f", "-qq", "-o", file, "-e", `trace=${call}`];
}

/** A small disk of its own, for several processes; gone with the test. */
export class SmallDisk {
  /** Starts a command that sees the disk. */
  readonly wrapper: readonly string[];
  readonly path: string;
  readonly #outside: string;

  constructor(path: string, pid: number) {
    this.path = path;
    this.wrapper = ["nsenter", `--target=${pid}`, "--user", "--mount", "--preserve-credentials"];
    this.#outside = `/proc/${pid}/root${path}`;
  }

  /** The path by which the test itself reaches a file on it. */
  file(name: string): string {
    return `${this.#outside}/${name}`;
  }

  /** Leaves no room at all. */
  fill(): void {
    for (let bytes = 1 << 20; bytes >= 1; bytes >>= 1) {
      try {
        for (;;) writeFileSync(this.file("filler"), Buffer.alloc(bytes), { flag: "a" });
      } catch {
        // no room for that many; half as many may still fit
      }
    }
  }

  free(): void {
    rmSync(this.file("filler"));
  }
}

export async function mountSmallDisk(path: string, size: string): Promise<SmallDisk> {
  mkdirSync(path, { mode: 0o700 });
  const script = 'mount -t tmpfs -o mode=700,size="$1" tmpfs "$0" && echo mounted && exec cat';
  const holder = startCommand(["unshare", ...UNSHARE, "sh", "-c", script, path, size]);
  await nextLine(holder);
  if (holder.pid === undefined) await once(holder, "spawn");
  return new SmallDisk(path, holder.pid ?? 0);
}
