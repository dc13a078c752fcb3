import type { Runtime } from "../runtime.ts";
import type { Store } from "../store.ts";
import type { MailboxKeeper } from "./mailbox-keeper.ts";

const LOOKED_AT = "mailbox-looked-at";
/** Commands in quick succession do not wait for their mailbox one after the other. */
const DUE_AFTER_MS = 10 * 60_000;
/** A relay that does not answer costs a command no more than this. */
const PATIENCE_MS = 2000;

export type PassingLookDeps = {
  readonly mailbox: Pick<MailboxKeeper, "use" | "firstRead">;
  /** Resolves with the relays that may be used, once they are known. */
  readonly relays: () => Promise<readonly string[]>;
  readonly store: Pick<Store, "outbox" | "settings" | "mark">;
  readonly runtime: Pick<Runtime, "now" | "after">;
  readonly failed: (error: unknown) => void;
};

export type LookOptions = {
  readonly withinMs: number;
  /** Whoever waits wants to know now. */
  readonly asked: boolean;
};

/**
 * A program that ends with its command reads its mailboxes in passing, where something of its own lies in those of others:
 * somebody who is never there at the same time can answer nowhere else.
 */
export class PassingLook {
  readonly #deps: PassingLookDeps;
  #looking: Promise<void> | undefined;
  #isDue = false;

  constructor(deps: PassingLookDeps) {
    this.#deps = deps;
  }

  /** For what was left by a command before this one. */
  beginIfDue(): void {
    if (this.#isLongPast()) this.begin();
  }

  /** For what is left now: whoever reads it at once may answer at once. */
  begin(): void {
    if (this.#looking !== undefined || this.#deps.store.outbox.counts().relayed === 0) return;
    this.#isDue = this.#isLongPast();
    this.#looking = this.#look().catch(this.#deps.failed);
  }

  /** Resolves once what was due, or is asked for, is read, or `withinMs` are over; not long in any case. */
  async finish({ withinMs, asked }: LookOptions): Promise<void> {
    if (asked || this.#isLongPast()) this.begin();
    if ((!this.#isDue && !asked) || withinMs <= 0) return;
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const cancel = this.#deps.runtime.after(Math.min(withinMs, PATIENCE_MS), resolve);
    await Promise.race([this.#looking, over]);
    cancel();
  }

  #isLongPast(): boolean {
    const { store, runtime } = this.#deps;
    const lookedAtMs = Number(store.settings.get(LOOKED_AT) ?? Number.NEGATIVE_INFINITY);
    return Math.abs(runtime.now() - lookedAtMs) >= DUE_AFTER_MS;
  }

  async #look(): Promise<void> {
    const { mailbox, relays, store, runtime } = this.#deps;
    // Whatever comes of it: a relay that is away is not waited for by every command.
    store.mark(() => store.settings.set(LOOKED_AT, String(runtime.now())));
    mailbox.use(await relays());
    await mailbox.firstRead();
  }
}
