import { openSync, writeSync } from "node:fs";
import { createInterface, type Interface } from "node:readline";
import { Writable } from "node:stream";
import { ReadStream } from "node:tty";
import { ChatError } from "../../shared/errors.ts";

/**
 * Asks on the controlling terminal, whatever stdin and stdout are connected to, and shows nothing of what is typed.
 *
 * @throws ChatError PASSPHRASE_REQUIRED (no terminal, nothing typed), INTERRUPTED
 */
export async function promptOnTerminal(question: string, signal?: AbortSignal): Promise<string> {
  const descriptor = openTerminal();
  const input = new ReadStream(descriptor);
  const keyboard = createInterface({ input, output: nowhere(), terminal: true, historySize: 0 });
  try {
    writeSync(descriptor, question);
    const typed = await firstLine(keyboard, signal);
    if (typed === "") throw new ChatError("PASSPHRASE_REQUIRED", "no passphrase was typed", { reason: "empty" });
    return typed;
  } finally {
    writeSync(descriptor, "\n");
    keyboard.close();
    input.destroy();
  }
}

function openTerminal(): number {
  try {
    return openSync("/dev/tty", "r+");
  } catch (cause) {
    throw new ChatError(
      "PASSPHRASE_REQUIRED",
      "the keys are sealed by a passphrase, and there is no terminal to ask on: use --passphrase-file",
      { reason: "no-terminal", cause },
    );
  }
}

/** Ctrl-D on an empty line closes without an answer; Ctrl-C interrupts, since a raw terminal sends no signal. */
function firstLine(keyboard: Interface, signal: AbortSignal | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const interrupt = () => reject(new ChatError("INTERRUPTED", "interrupted"));
    if (signal?.aborted) interrupt();
    signal?.addEventListener("abort", interrupt, { once: true });
    keyboard.once("SIGINT", interrupt);
    keyboard.once("line", resolve);
    keyboard.once("close", () => {
      signal?.removeEventListener("abort", interrupt);
      resolve("");
    });
  });
}

/** Takes the echo and the line editor's drawing. */
function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
