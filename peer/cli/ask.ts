import { openSync } from "node:fs";
import type { Readable } from "node:stream";
import { ChatError } from "../../shared/errors.ts";
import type { CliContext } from "./context.ts";

type Asker = Pick<CliContext, "terminal" | "interruption">;

/** Asks a person, on stderr. @throws ChatError INTERRUPTED, also at the end of the input */
export async function askLine(question: string, { terminal, interruption }: Asker): Promise<string> {
  const keyboard = await openKeyboard();
  try {
    terminal.stderr.write(question);
    const line = await readLine(keyboard, interruption.signal);
    if (line === undefined) throw new ChatError("INTERRUPTED", "no answer was given");
    return line.trim();
  } finally {
    keyboard.destroy();
  }
}

/** One for each answer: standard input goes on reading once it has begun, and would take a passphrase that is typed next. */
async function openKeyboard(): Promise<Readable> {
  const { ReadStream } = await import("node:tty");
  return new ReadStream(openSync("/dev/tty", "r"));
}

/** Asks until it is one or the other; nothing typed means `otherwise`. */
export async function askYesOrNo(question: string, otherwise: boolean, asker: Asker): Promise<boolean> {
  for (;;) {
    const answer = (await askLine(`${question} ${otherwise ? "[Y/n]" : "[y/N]"} `, asker)).toLowerCase();
    if (answer === "") return otherwise;
    if (["y", "yes", "n", "no"].includes(answer)) return answer.startsWith("y");
  }
}

/** Undefined at the end of the input. */
export async function readLine(input: Readable, signal: AbortSignal): Promise<string | undefined> {
  const { createInterface } = await import("node:readline");
  const lines = createInterface({ input, signal });
  for await (const line of lines) return line;
  signal.throwIfAborted();
  return undefined;
}
