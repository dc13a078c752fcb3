import { createInterface, type Interface } from "node:readline";
import type { ChatError } from "../../../shared/errors.ts";
import type { CliContext } from "../context.ts";
import type { Result } from "../output.ts";
import { visibleReason } from "../visible-text.ts";

const PROMPT = "> ";
const ERASE_LINE = "\r\x1b[K";

/** Where orders come from and what happens is shown; on a terminal, what is being typed stays the last line. */
export class Console implements Disposable {
  readonly #context: Pick<CliContext, "output" | "terminal">;
  readonly #interface: Interface;
  readonly #lines: AsyncIterator<string>;
  readonly #isInteractive: boolean;
  #isPrompting = false;

  constructor(context: Pick<CliContext, "output" | "terminal">, complete: (line: string) => readonly string[]) {
    const { stdin, stdout } = context.terminal;
    this.#context = context;
    this.#isInteractive = stdin.isTTY === true && stdout.isTTY === true && !context.output.json;
    const lastWord = (line: string) => /\S*$/.exec(line)?.[0] ?? "";
    this.#interface = createInterface({
      ...{ input: stdin, terminal: this.#isInteractive, prompt: PROMPT },
      ...(this.#isInteractive && { output: stdout }),
      completer: (line: string) => [complete(line), lastWord(line)],
    });
    // In raw mode Ctrl-C is a key.
    this.#interface.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
    // At once: what was read by then would be lost.
    this.#lines = this.#interface[Symbol.asyncIterator]();
  }

  /** One line after the other; ends with the input. An input with nothing in it, as of a service, is none, and has no end. */
  async *orders(signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    const aborted = untilAborted(signal);
    let hasBegun = this.#isInteractive;
    for (;;) {
      this.#prompt();
      const next = await Promise.race([this.#lines.next(), aborted]);
      if (next?.done && !hasBegun) await aborted;
      if (next === undefined || next.done || signal.aborted) return;
      hasBegun = true;
      this.#isPrompting = false;
      yield next.value;
    }
  }

  /** False once nobody reads any more. */
  async print(result: Result): Promise<boolean> {
    return await this.#beside(() => this.#context.output.print(result));
  }

  async complain(error: ChatError): Promise<void> {
    const { output } = this.#context;
    await this.#beside(async () =>
      output.json ? output.error(error) : output.note(`p2pchat: ${visibleReason(error.message)}`),
    );
  }

  /** Shows something above the line that is being typed. */
  async #beside<T>(show: () => Promise<T>): Promise<T> {
    if (this.#isPrompting) this.#context.terminal.stdout.write(ERASE_LINE);
    const shown = await show();
    if (this.#isPrompting) this.#prompt();
    return shown;
  }

  [Symbol.dispose](): void {
    if (this.#isPrompting) this.#context.terminal.stdout.write(ERASE_LINE);
    this.#interface.close();
  }

  #prompt(): void {
    this.#isPrompting = this.#isInteractive;
    if (this.#isInteractive) this.#interface.prompt(true);
  }
}

function untilAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}
