import { hex } from "../../../shared/bytes.ts";
import type { DeviceId } from "../../../shared/device-id.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import type { OutboxRow, OutboxStore } from "../store/outbox.ts";

/**
 * Rows encrypted and written at once: the peer decrypts one chunk while the next is made. Each costs a write to the disk
 * on either side, so two fill the window.
 */
const CHUNK_MESSAGES = 32;

/** What of a device's queue is on its way over one lane, and what goes next. */
export class SendWindow {
  readonly #outbox: OutboxStore;
  readonly #device: DeviceId;
  readonly #inFlight = new Map<string, OutboxRow>();
  #bytes = 0;
  #lastRow = 0;

  constructor(outbox: OutboxStore, device: DeviceId) {
    this.#outbox = outbox;
    this.#device = device;
  }

  get isEmpty(): boolean {
    return this.#inFlight.size === 0;
  }

  /**
   * The rows that may go out now, oldest first, at most `atMost`. A small chunk waits while something is in flight, as
   * Nagle's algorithm has it (RFC 896): under load chunks are full, and a lone message goes at once.
   */
  next(atMost: number): readonly OutboxRow[] {
    const room = Math.min(CHUNK_MESSAGES, atMost, LIMITS.sendWindowMessages - this.#inFlight.size);
    if (room <= 0 || this.#bytes >= LIMITS.sendWindowBytes) return [];
    const rows = this.#outbox.queued(this.#device, this.#lastRow, room);
    if (!this.isEmpty && rows.length < room) return [];
    if (rows.length > 0 || !this.isEmpty || this.#lastRow === 0) return rows;
    // Behind the last row there may be one that was requeued, or became a tombstone while its message was on its way.
    this.#lastRow = 0;
    return this.#outbox.queued(this.#device, 0, room);
  }

  add(row: OutboxRow): void {
    this.#inFlight.set(hex(row.envelopeId), row);
    this.#bytes += row.plaintext.length;
    this.#lastRow = row.id;
  }

  /** The row in flight with that envelope, which is answered now. */
  take(envelopeId: Uint8Array): OutboxRow | undefined {
    const key = hex(envelopeId);
    const row = this.#inFlight.get(key);
    if (row === undefined) return undefined;
    this.#inFlight.delete(key);
    this.#bytes -= row.plaintext.length;
    return row;
  }

  /** Nothing is on its way any more: begins again at the oldest row. */
  restart(): void {
    this.#inFlight.clear();
    this.#bytes = 0;
    this.#lastRow = 0;
  }
}
