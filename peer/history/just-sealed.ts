import type { NewOutboxRow } from "../messaging/store/outbox.ts";

type OpenRow = Pick<NewOutboxRow, "to" | "device"> & Partial<Pick<NewOutboxRow, "plaintext">>;

const MAX_ROWS = 256;

/**
 * The outbox rows that were sealed last, by name: moments later they are sent, and asked what became of them, and need not
 * be opened for that.
 */
export class JustSealed {
  readonly #rows = new Map<string, OpenRow>();

  add(name: string, row: OpenRow): void {
    const [oldest] = this.#rows.keys();
    if (this.#rows.size >= MAX_ROWS && oldest !== undefined) this.#rows.delete(oldest);
    this.#rows.set(name, row);
  }

  find(name: string): OpenRow | undefined {
    return this.#rows.get(name);
  }

  /** It is not sent again. */
  forgetPlaintext(name: string): void {
    const row = this.#rows.get(name);
    if (row !== undefined) this.#rows.set(name, { to: row.to, device: row.device });
  }

  /** What is off the disk is to be gone from here too. */
  forget(name: string): void {
    this.#rows.delete(name);
  }

  clear(): void {
    this.#rows.clear();
  }
}
