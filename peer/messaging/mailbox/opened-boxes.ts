import { hex } from "../../../shared/bytes.ts";
import { isChatError } from "../../../shared/errors.ts";
import type { Mailbox } from "../ports/mailboxes.ts";
import type { Runtime } from "../runtime.ts";
import type { OwnBox } from "./own-boxes.ts";

/** A relay makes so many new boxes for a network in an hour and in a day; whoever is refused one does not ask all the time. */
const ASK_AGAIN_MS = 5 * 60_000;

/** The boxes that are open in one visit to a relay. */
export class OpenedBoxes {
  readonly #mailbox: Pick<Mailbox, "open">;
  readonly #runtime: Pick<Runtime, "monotonic">;
  readonly #open = new Set<string>();
  readonly #refusedAtMs = new Map<string, number>();

  constructor(mailbox: Pick<Mailbox, "open">, runtime: Pick<Runtime, "monotonic">) {
    this.#mailbox = mailbox;
    this.#runtime = runtime;
  }

  /**
   * Opens those that are not open yet, the last first: if the relay makes only some, those of this week are worth most.
   *
   * @returns those that are open, in the order given
   * @throws ChatError why none is
   */
  async open(wanted: readonly OwnBox[]): Promise<readonly OwnBox[]> {
    const due = wanted.filter((box) => this.#isDue(box)).toReversed();
    const refusals = await Promise.all(due.map((box) => this.#openOne(box)));
    const open = wanted.filter(({ box }) => this.#open.has(hex(box)));
    const refusal = refusals.find((error) => error !== undefined);
    if (open.length === 0 && refusal !== undefined) throw refusal;
    return open;
  }

  #isDue({ box }: OwnBox): boolean {
    const refusedAtMs = this.#refusedAtMs.get(hex(box)) ?? Number.NEGATIVE_INFINITY;
    return !this.#open.has(hex(box)) && this.#runtime.monotonic() - refusedAtMs >= ASK_AGAIN_MS;
  }

  /** @returns why the relay did not open it */
  async #openOne(box: OwnBox): Promise<unknown> {
    try {
      await this.#mailbox.open(box);
      this.#open.add(hex(box.box));
      return undefined;
    } catch (error) {
      if (!isChatError(error, "RATE_LIMITED", "QUOTA", "STORAGE")) throw error;
      this.#refusedAtMs.set(hex(box.box), this.#runtime.monotonic());
      return error;
    }
  }
}
