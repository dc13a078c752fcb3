import { spawn } from "node:child_process";

/** By then the processes of a sandbox that is gone are gone too. */
const AFTER_SECONDS = 6;

/** Removes a directory once this process is gone, however it ends, unless that was called off. */
export function sweepLater(directory: string, afterSeconds = AFTER_SECONDS): Disposable {
  const script = 'read -r _; sleep "$1"; rm -rf -- "$2"';
  const command = ["-c", script, "sh", String(afterSeconds), directory];
  // In a session of its own, where Ctrl-C and a signal for the whole group do not reach it.
  const sweeper = spawn("/bin/sh", command, { stdio: ["pipe", "ignore", "ignore"], cwd: "/", detached: true });
  sweeper.on("error", () => undefined).unref();
  return { [Symbol.dispose]: () => void sweeper.kill("SIGKILL") };
}
