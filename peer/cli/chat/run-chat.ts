import type { CliContext } from "../context.ts";
import { Conversation, type Line } from "./conversation.ts";
import { KeyReader } from "./keys.ts";
import { takeScreen } from "./screen.ts";

/** A lone escape is a key once nothing has followed it for so long. */
const ESCAPE_MS = 50;

/** Holds the terminal until the person leaves, or a signal ends it. */
export async function runChat(line: Line, to: string, context: CliContext): Promise<void> {
  const { terminal, interruption } = context;
  const { stdin, stdout } = terminal;
  const { signal } = interruption;
  using screen = takeScreen(terminal);
  const giveBack = () => screen[Symbol.dispose]();
  // At once: what is still to be closed may take time, and a second signal ends it all.
  signal.addEventListener("abort", giveBack, { once: true });
  const hungUp = new AbortController();
  const ended = AbortSignal.any([signal, hungUp.signal]);
  const conversation = new Conversation({ line, screen, to, now: Date.now, signal: ended });
  const keys = new KeyReader();
  let waiting: NodeJS.Timeout | undefined;
  const press = (inputs: ReturnType<KeyReader["read"]>) => {
    for (const input of inputs) conversation.happen({ type: "input", input });
  };
  const read = (bytes: Uint8Array) => {
    clearTimeout(waiting);
    press(keys.read(bytes));
    if (keys.isWaiting) waiting = setTimeout(() => press(keys.flush()), ESCAPE_MS);
  };
  const resize = () => {
    screen.forget();
    conversation.happen({ type: "resize", size: screen.size() });
  };
  const hangUp = () => hungUp.abort();
  stdin.on("data", read).on("end", hangUp).on("error", hangUp).resume();
  stdout.on("resize", resize);
  try {
    await conversation.run();
  } finally {
    clearTimeout(waiting);
    stdin.off("data", read).off("end", hangUp);
    stdout.off("resize", resize);
    signal.removeEventListener("abort", giveBack);
  }
}
