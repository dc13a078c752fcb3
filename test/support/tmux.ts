import { execFileSync, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { temporaryDirectory } from "./temporary-directory.ts";

const PATIENCE_MS = 25_000;

export type Size = { readonly columns: number; readonly rows: number };

/** A terminal that a person could look at, with a shell in it; gone with the test. */
export class Tmux {
  readonly #socket = join(temporaryDirectory(), randomUUID().slice(0, 8));

  constructor({ columns, rows }: Size, env: Readonly<Record<string, string>>) {
    // `-f /dev/null`: nothing of the user's own set-up. The shell outlives what runs in it.
    const shell = ["env", "-i", ...Object.entries(env).map(([name, value]) => `${name}=${value}`), "sh"];
    this.#run("-f", "/dev/null", "new-session", "-d", "-x", String(columns), "-y", String(rows), ...shell);
    this.#run("set-option", "-g", "window-size", "manual");
    onTestFinished(() => void spawnSync("tmux", ["-S", this.#socket, "kill-server"], { stdio: "ignore" }));
  }

  /** What a person sees. */
  rows(): string[] {
    return this.#run("capture-pane", "-p").split("\n").slice(0, -1);
  }

  /** The same with colours and other attributes, as escape sequences. */
  styled(): string {
    return this.#run("capture-pane", "-p", "-e");
  }

  text(): string {
    return this.rows().join("\n");
  }

  /** Waits until a person sees that. */
  async sees(wanted: RegExp): Promise<void> {
    await expect.poll(() => this.text(), { timeout: PATIENCE_MS, interval: 50 }).toMatch(wanted);
  }

  async seesNoMore(unwanted: RegExp): Promise<void> {
    await expect.poll(() => this.text(), { timeout: PATIENCE_MS, interval: 50 }).not.toMatch(unwanted);
  }

  /** Characters as they are. */
  type(text: string): void {
    this.#run("send-keys", "-l", text);
  }

  /** By tmux's names: `Enter`, `C-n`, `M-1`, `PageUp`. */
  press(...keys: string[]): void {
    this.#run("send-keys", ...keys);
  }

  enter(text: string): void {
    this.type(text);
    this.press("Enter");
  }

  /** As a terminal does that marks its pastes. */
  paste(text: string): void {
    this.#run("set-buffer", text);
    this.#run("paste-buffer", "-p", "-r");
  }

  resize({ columns, rows }: Size): void {
    this.#run("resize-window", "-x", String(columns), "-y", String(rows));
  }

  /** How the terminal stands: its screen, its line discipline. */
  mode(): { alternate: boolean; wraps: boolean; cursor: boolean; stty: string } {
    const [alternate, wraps, cursor, tty = ""] = this.#run(
      "display-message",
      "-p",
      "#{alternate_on} #{wrap_flag} #{cursor_flag} #{pane_tty}",
    )
      .trim()
      .split(" ");
    const stty = execFileSync("stty", ["-F", tty, "-a"], { encoding: "utf8" });
    return { alternate: alternate === "1", wraps: wraps === "1", cursor: cursor === "1", stty };
  }

  #run(...args: string[]): string {
    return execFileSync("tmux", ["-S", this.#socket, ...args], { encoding: "utf8" });
  }
}
