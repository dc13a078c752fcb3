import { setTimeout as after } from "node:timers/promises";
import type { Operations } from "../../peer/messaging/operations.ts";
import type { Heard, Person } from "./people.ts";

/** Between two messages of one: many come to be written while nothing gets through. */
const PAUSE_MS = 200;
const TIMEOUT_MS = 20_000;

/** What one wrote, and what the other was shown of it. */
type Account = { readonly written: readonly string[]; readonly shown: readonly string[] };

/** Two who write to each other all the time, each without waiting for the other. */
export class Conversation {
  readonly #directions: readonly Direction[];

  private constructor(directions: readonly Direction[]) {
    this.#directions = directions;
  }

  /** They have written before, so that neither is a stranger. */
  static async start(one: Person, other: Person): Promise<Conversation> {
    const [fromOne, fromOther] = await Promise.all([one.connect(), other.connect()]);
    for (const [calls, to] of [
      [fromOne, other.name],
      [fromOther, one.name],
    ] as const) {
      const { state } = await calls.send({ to, text: "hello", wait: "stored", timeoutMs: TIMEOUT_MS });
      if (state !== "stored") throw new Error(`the first message to ${to} is ${state}`);
    }
    return new Conversation([new Direction(fromOne, one, other), new Direction(fromOther, other, one)]);
  }

  /**
   * Resolves once each was shown what the other wrote after this was called: with the milliseconds, or undefined if that
   * takes longer.
   *
   * @param path  by which it has to come, if that matters
   */
  async goesOn(withinMs: number, path?: string): Promise<number | undefined> {
    const startedAtMs = performance.now();
    const went = await Promise.all(this.#directions.map((direction) => direction.goesOn(withinMs, path)));
    return went.every(Boolean) ? Math.round(performance.now() - startedAtMs) : undefined;
  }

  /** Writes no more, and waits until no outbox holds anything. */
  async end(withinMs: number): Promise<readonly Account[]> {
    return Promise.all(this.#directions.map((direction) => direction.end(withinMs)));
  }
}

class Direction {
  readonly #calls: Operations;
  readonly #from: Person;
  readonly #to: Person;
  readonly #written: string[] = [];
  readonly #writing: Promise<void>;
  #ended = false;

  constructor(calls: Operations, from: Person, to: Person) {
    this.#calls = calls;
    this.#from = from;
    this.#to = to;
    this.#writing = this.#write();
    // thrown where it ends
    this.#writing.catch(() => undefined);
  }

  goesOn(withinMs: number, path?: string): Promise<boolean> {
    // the one that is being written now may have left
    const next = this.#written.length + 2;
    const isNext = (one: Heard) => Number(one.text) >= next && (path === undefined || one.path === path);
    return this.#to.until(() => this.#heard().some(isNext), withinMs);
  }

  async end(withinMs: number): Promise<Account> {
    this.#ended = true;
    await this.#writing;
    const endsAtMs = performance.now() + withinMs;
    while ((await this.#calls.outboxList()).items.length > 0 && performance.now() < endsAtMs) await after(PAUSE_MS);
    await this.#to.until(() => this.#heard().length >= this.#written.length, endsAtMs - performance.now());
    return { written: this.#written, shown: this.#heard().map(({ type, text }) => text ?? type) };
  }

  /** Gaps as well: there are none to be. */
  #heard(): Heard[] {
    const isTheirs = ({ type, from, text }: Heard) =>
      type === "message" && from === this.#from.name && text !== "hello";
    return this.#to.heard.filter((one) => isTheirs(one) || one.type === "gap");
  }

  async #write(): Promise<void> {
    const to = this.#to.name;
    while (!this.#ended) {
      const text = String(this.#written.length + 1);
      await this.#calls.send({ to, text, wait: "queued", timeoutMs: TIMEOUT_MS });
      this.#written.push(text);
      await after(PAUSE_MS);
    }
  }
}
