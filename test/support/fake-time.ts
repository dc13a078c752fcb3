import { createHash } from "node:crypto";
import type { Runtime } from "../../peer/messaging/runtime.ts";
import { NOW_MS } from "./people.ts";

type Timer = { readonly atMs: number; readonly run: () => void; readonly owner: object };

/** The clock of a test: stands still until somebody moves it. */
export class FakeTime {
  #nowMs = NOW_MS;
  #monotonicMs = 0;
  #timers: Timer[] = [];
  #processes = 0;

  /** Moves the wall clock alone, as people and time servers do. */
  setClock(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get timers(): number {
    return this.#timers.length;
  }

  /** Moves both clocks to the next timer within `ms` and runs it; false where there is none, and all of `ms` passed. */
  step(ms: number): { readonly passedMs: number; readonly ran: boolean } {
    const [next] = this.#timers.toSorted((a, b) => a.atMs - b.atMs);
    const ran = next !== undefined && next.atMs <= this.#monotonicMs + ms;
    const passedMs = ran ? Math.max(0, next.atMs - this.#monotonicMs) : ms;
    this.#nowMs += passedMs;
    this.#monotonicMs += passedMs;
    if (ran) {
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.run();
    }
    return { passedMs, ran };
  }

  /** Moves both clocks by `ms` and runs every timer that comes due. */
  pass(ms: number): void {
    for (let leftMs = ms; ; ) {
      const { passedMs, ran } = this.step(leftMs);
      if (!ran) return;
      leftMs -= passedMs;
    }
  }

  /** One process's view of this time, with dice of its own; `stop` ends its timers, as a kill does. */
  runtime(name: string): Runtime & { stop(): void } {
    const owner = {};
    this.#processes += 1;
    const seed = `${name} ${this.#processes}`;
    let drawn = 0;
    let stopped = false;
    const draw = (length: number) => {
      drawn += 1;
      return new Uint8Array(createHash("shake256", { outputLength: length }).update(`${seed}/${drawn}`).digest());
    };
    return {
      now: () => this.#nowMs,
      monotonic: () => this.#monotonicMs,
      after: (ms, run) => {
        if (stopped) return () => undefined;
        const timer = { atMs: this.#monotonicMs + ms, run, owner };
        this.#timers.push(timer);
        return () => {
          this.#timers = this.#timers.filter((other) => other !== timer);
        };
      },
      randomBytes: draw,
      random: () => new DataView(draw(4).buffer).getUint32(0) / 2 ** 32,
      stop: () => {
        stopped = true;
        this.#timers = this.#timers.filter((timer) => timer.owner !== owner);
      },
    };
  }
}
