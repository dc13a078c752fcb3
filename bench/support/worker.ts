import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

type Answer<Result> = { readonly result: Result } | { readonly error: string };

/** A script beside this one in a process of its own, which answers one order at a time. */
export class Worker<Order extends object, Result> implements Disposable {
  readonly #child: ChildProcess;

  constructor(script: string) {
    this.#child = fork(fileURLToPath(new URL(script, import.meta.url)));
  }

  async ask(order: Order): Promise<Result> {
    const answered = once(this.#child, "message") as Promise<[Answer<Result>]>;
    this.#child.send(order);
    const [answer] = await answered;
    if ("error" in answer) throw new Error(answer.error);
    return answer.result;
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}
