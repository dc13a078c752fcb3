import { randomUUID } from "node:crypto";
import type { CliContext } from "../context.ts";
import { isLineGone, type Line } from "./attachment.ts";
import { Conversation, type Keys } from "./conversation.ts";
import { type Input, KeyReader, withWheel } from "./keys.ts";
import { takeScreen } from "./screen.ts";

/** A lone escape is a key once nothing has followed it for so long. */
const ESCAPE_MS = 50;

/** Resolves once the person has left. @throws ChatError PEER_UNREACHABLE where the line breaks */
export type Talk = (line: Line) => Promise<void>;

export type Waiting = {
  /** The person has left. */
  readonly signal: AbortSignal;
  /** They do not want to wait for the daemon. */
  readonly hurry: AbortSignal;
  /** What is waited for, and what they can do meanwhile. */
  readonly tell: (hint: string) => void;
};

/** Where lines come from. */
export type Lines = {
  first(talk: Talk): Promise<void>;
  /** The daemon ended: through its successor, or without one. Resolves too where the person leaves before. */
  again(talk: Talk, waiting: Waiting): Promise<void>;
};

/** Holds the terminal from the first line on until the person leaves, or a signal ends it. */
export async function runChat(lines: Lines, keys: Keys, to: string, context: CliContext): Promise<void> {
  const left = new AbortController();
  const ended = AbortSignal.any([context.interruption.signal, left.signal]);
  let hurrying = new AbortController();
  using stack = new DisposableStack();
  let conversation: Conversation | undefined;
  const leave = () => left.abort();
  const talk: Talk = async (line) => {
    conversation ??= converse({ keys, to, signal: ended, leave, hurry: () => hurrying.abort() }, context, stack);
    await conversation.talk(line);
  };
  for (let work = lines.first(talk); ; ) {
    const broken = await work.then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    if (broken === undefined || ended.aborted) return;
    if (conversation === undefined || !isLineGone(broken.error)) throw broken.error;
    hurrying = new AbortController();
    const talking = conversation;
    const tell = (hint: string) => talking.happen({ type: "detached", hint });
    work = lines.again(talk, { signal: ended, hurry: hurrying.signal, tell });
  }
}

type Wishes = {
  readonly keys: Keys;
  readonly to: string;
  readonly signal: AbortSignal;
  readonly leave: () => void;
  readonly hurry: () => void;
};

/** Takes screen and keyboard. */
function converse(wishes: Wishes, { terminal }: CliContext, stack: DisposableStack): Conversation {
  const { stdin, stdout } = terminal;
  const { signal, leave } = wishes;
  const screen = stack.use(takeScreen(terminal));
  // At once: what is still to be closed may take time, and a second signal ends it all.
  signal.addEventListener("abort", () => screen[Symbol.dispose](), { once: true });
  const conversation = new Conversation({ ...wishes, screen, now: Date.now, newId: randomUUID });
  const keys = new KeyReader();
  let waiting: NodeJS.Timeout | undefined;
  const press = (inputs: readonly Input[]) => {
    for (const input of inputs) conversation.happen({ type: "input", input });
  };
  const read = (bytes: Uint8Array) => {
    clearTimeout(waiting);
    press(withWheel(keys.read(bytes)));
    if (keys.isWaiting) waiting = setTimeout(() => press(keys.flush()), ESCAPE_MS);
  };
  const resize = () => {
    screen.forget();
    conversation.happen({ type: "resize", size: screen.size() });
  };
  stdin.on("data", read).on("end", leave).on("error", leave).resume();
  stdout.on("resize", resize);
  stack.defer(() => {
    clearTimeout(waiting);
    stdin.off("data", read).off("end", leave);
    stdout.off("resize", resize);
  });
  return conversation;
}
