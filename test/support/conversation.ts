import type { Operations } from "../../peer/messaging/operations.ts";
import { isChatError } from "../../shared/errors.ts";
import { callsOf } from "./daemon-calls.ts";
import type { Person } from "./p2pchat.ts";
import type { Line, Program } from "./program.ts";

/** A line is shown again where the process died between printing it and noting that it did. */
type Shown = { readonly lines: readonly Line[]; readonly repeats: number };

/**
 * Somebody whose `listen` is killed and started again, while messages go out through its control socket: a process for
 * each message would make most of the time.
 */
export class Unsteady {
  readonly person: Person;
  /** What was accepted, in order: `send` said so. */
  readonly accepted = new Map<string, string[]>();
  kills = 0;
  readonly #runs: Program[] = [];
  #operations: { readonly of: Program; readonly operations: Operations } | undefined;
  #starting: Promise<void> = Promise.resolve();

  constructor(person: Person) {
    this.person = person;
  }

  get name(): string {
    return this.person.name;
  }

  start(): Promise<void> {
    this.#starting = this.#start();
    return this.#starting;
  }

  /** Whoever sends meanwhile waits for the new process. */
  restart(how: "kill9" | "stop"): Promise<void> {
    if (how === "kill9") this.kills += 1;
    this.#starting = Promise.resolve(this.#runs.at(-1)?.[how]()).then(() => this.#start());
    return this.#starting;
  }

  /** Sends until it is accepted: an answer that a crash swallowed is asked for again under the same id. */
  async send(to: string, text: string): Promise<void> {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      if (await this.#trySend(to, text)) return;
    }
    throw new Error(`${this.name} cannot send "${text}"`);
  }

  /** Everything its listeners showed, each message once, in the order in which they did. */
  shown(): Shown {
    const all = this.#runs.flatMap(({ seen }) => seen.filter(({ type }) => type === "message"));
    const lines = [...new Map(all.map((line) => [line.id, line])).values()];
    return { lines, repeats: all.length - lines.length };
  }

  /** Other events than messages: gaps and errors. */
  troubles(): Line[] {
    return this.#runs.flatMap(({ seen }) => seen.filter(({ type }) => type !== "message" && type !== "ready"));
  }

  complaints(): string {
    return this.#runs.map(({ stderr }) => stderr).join("");
  }

  async queued(): Promise<number> {
    return (await this.#connected()).outboxList().then(({ items }) => items.length);
  }

  /** Resolves once that many messages of somebody were shown. */
  async hasShown(count: number, timeoutMs: number): Promise<void> {
    await this.#runs.at(-1)?.until(() => this.shown().lines.length >= count, timeoutMs);
  }

  async #start(): Promise<void> {
    this.#runs.push(await this.person.listen());
  }

  async #trySend(to: string, text: string): Promise<boolean> {
    try {
      const operations = await this.#connected();
      await operations.send({ to, text, wait: "queued", timeoutMs: 10_000, id: text });
      this.accepted.set(to, [...(this.accepted.get(to) ?? []), text]);
      return true;
    } catch (error) {
      if (!isChatError(error)) throw error;
      this.#operations = undefined;
      return false;
    }
  }

  async #connected(): Promise<Operations> {
    await this.#starting;
    const running = this.#runs.at(-1);
    if (running === undefined) throw new Error(`${this.name} was never started`);
    if (this.#operations?.of === running) return this.#operations.operations;
    const operations = await callsOf(this.person, running);
    this.#operations = { of: running, operations };
    return operations;
  }
}
