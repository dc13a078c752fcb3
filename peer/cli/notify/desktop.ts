import { findCommand, runCommand } from "../consume/run-command.ts";
import type { Terminal } from "../context.ts";
import type { Notification } from "./notifier.ts";

export type Desktop = {
  readonly show: (notification: Notification) => void;
  /** False where other users of this machine may see what is shown. */
  readonly isPrivate: boolean;
};

type Place = Pick<Terminal, "stdout" | "stderr" | "env">;

const PROGRAM = "notify-send";
const PROGRAM_TIMEOUT_MS = 5000;
/** Terminals that would show the sequence instead of the notification. */
const DEAF = new Set(["dumb", "linux"]);
/** Terminals that know the sequence of rxvt, with a title, and not that of iTerm2. */
const KNOWS_777 = /^(?:rxvt|foot|vte)/;

/**
 * How this machine shows a notification: by a sequence that the terminal understands, also over ssh; by `notify-send` on a
 * desktop whose terminal is not known to; else by the sequence all the same. Undefined where nothing can.
 */
export function desktopOf(place: Place): Desktop | undefined {
  return (understands(place.env) ? byTerminal(place) : undefined) ?? byProgram(place) ?? byTerminal(place);
}

function understands({ TERM = "", TERM_PROGRAM = "", VTE_VERSION, WT_SESSION }: Place["env"]): boolean {
  const isKnown = /kitty|ghostty|wezterm|foot|rxvt/i.test(TERM) || /^(?:iTerm|WezTerm|ghostty)/.test(TERM_PROGRAM);
  return isKnown || Boolean(VTE_VERSION) || Boolean(WT_SESSION);
}

/** It takes the text as an argument, which stands in the process list. */
function byProgram({ env }: Place): Desktop | undefined {
  if (!env["DISPLAY"] && !env["WAYLAND_DISPLAY"]) return undefined;
  const file = findProgram(env["PATH"]);
  if (file === undefined) return undefined;
  const options = { input: "", env, timeoutMs: PROGRAM_TIMEOUT_MS, signal: new AbortController().signal };
  const show = ({ title, body }: Notification) => {
    const args = ["--app-name=p2pchat", "--", title, withoutMarkup(body)];
    // A notification that cannot be shown is no fault of the message, which is printed in any case.
    void runCommand({ file, args }, options).catch(() => undefined);
  };
  return { show, isPrivate: false };
}

function findProgram(path: string | undefined): string | undefined {
  try {
    return findCommand(PROGRAM, path);
  } catch {
    return undefined;
  }
}

/** Desktops read some HTML in the body. */
function withoutMarkup(body: string): string {
  return body.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** On whichever stream is the terminal: the other may be a pipe that somebody parses. */
function byTerminal({ stdout, stderr, env }: Place): Desktop | undefined {
  const stream = [stderr, stdout].find(({ isTTY }) => isTTY === true);
  if (stream === undefined || DEAF.has(env["TERM"] ?? "")) return undefined;
  const kind = env["VTE_VERSION"] ? "vte" : (env["TERM"] ?? "");
  const show = ({ title, body }: Notification) => {
    // The semicolons end the parts of a sequence.
    const [first, rest] = [title, body].map((text) => text.replaceAll(";", ","));
    const sequence = KNOWS_777.test(kind) ? `\x1b]777;notify;${first};${rest}\x07` : `\x1b]9;${first}: ${rest}\x07`;
    stream.write(env["TMUX"] ? throughTmux(sequence) : sequence);
  };
  return { show, isPrivate: true };
}

/** tmux hands on what stands in this form, where `allow-passthrough` is on. */
function throughTmux(sequence: string): string {
  return `\x1bPtmux;${sequence.replaceAll("\x1b", "\x1b\x1b")}\x1b\\`;
}
