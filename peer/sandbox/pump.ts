import type { Socket } from "node:net";
import type { Runtime } from "../messaging/runtime.ts";
import type { Faults } from "./links.ts";

/** What may be on its way at once; beyond it the sender waits. */
const MAX_ON_ITS_WAY = 1024 * 1024;
/** A slow line passes its bytes on in so many pieces a second. */
const PIECES_PER_SECOND = 10;

type BadLine = {
  /** As they are now. */
  readonly faults: () => Faults;
  readonly runtime: Pick<Runtime, "after" | "monotonic">;
};

/** Passes bytes on, one way, as late and as slowly as the faults of the line say; their order stays. */
export class Pump {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #line: BadLine;
  readonly #queue: { chunk: Buffer; readonly atMs: number }[] = [];
  #bytes = 0;
  #freeAtMs = 0;
  #hasEnded = false;
  #cancel = () => {};

  constructor(from: Socket, to: Socket, line: BadLine) {
    [this.#from, this.#to, this.#line] = [from, to, line];
    from.on("data", (chunk: Buffer) => this.#take(chunk));
    from.once("end", () => {
      this.#hasEnded = true;
      this.review();
    });
    to.on("drain", () => this.review());
    to.once("close", () => this.#cancel());
    from.resume();
  }

  /** Passes on what may be passed on now; called again whenever that may have changed. */
  review(): void {
    this.#cancel();
    while (this.#queue.length > 0) {
      if (this.#line.faults().dropped || this.#to.writableNeedDrain || this.#to.destroyed) return;
      const waitMs = this.#waitMs();
      if (waitMs > 0) {
        this.#cancel = this.#line.runtime.after(waitMs, () => this.review());
        return;
      }
      this.#passOn();
    }
    if (this.#hasEnded && !this.#line.faults().dropped) this.#to.end();
  }

  #take(chunk: Buffer): void {
    this.#queue.push({ chunk, atMs: this.#line.runtime.monotonic() });
    this.#bytes += chunk.length;
    if (this.#bytes >= MAX_ON_ITS_WAY) this.#from.pause();
    this.review();
  }

  #waitMs(): number {
    const { delayMs, bytesPerSecond } = this.#line.faults();
    const dueMs = (this.#queue[0]?.atMs ?? 0) + delayMs;
    const freeAtMs = Number.isFinite(bytesPerSecond) ? this.#freeAtMs : 0;
    return Math.max(dueMs, freeAtMs) - this.#line.runtime.monotonic();
  }

  #passOn(): void {
    const [next] = this.#queue;
    if (next === undefined) return;
    const { bytesPerSecond } = this.#line.faults();
    const piece = next.chunk.subarray(0, Math.max(1, Math.ceil(bytesPerSecond / PIECES_PER_SECOND)));
    next.chunk = next.chunk.subarray(piece.length);
    if (next.chunk.length === 0) this.#queue.shift();
    this.#bytes -= piece.length;
    this.#freeAtMs = this.#line.runtime.monotonic() + (piece.length / bytesPerSecond) * 1000;
    this.#to.write(piece);
    if (this.#bytes < MAX_ON_ITS_WAY) this.#from.resume();
  }
}
