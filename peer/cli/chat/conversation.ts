import { ChatError } from "../../../shared/errors.ts";
import { Attachment, type Line, reasonOf } from "./attachment.ts";
import { type Effect, type Happening, initialState, type State } from "./model.ts";
import { render } from "./render.ts";
import type { Screen } from "./screen.ts";
import { update } from "./update.ts";

/** What guards the profile's keys. */
export type Keys = {
  /** Whether there is a passphrase to ask for. */
  isSealed(): Promise<boolean>;
  /** @throws ChatError PASSPHRASE_WRONG */
  checkPassphrase(passphrase: string): Promise<void>;
};

const REFRESH_MS = 20_000;

export type ConversationOptions = {
  readonly keys: Keys;
  readonly screen: Pick<Screen, "size" | "show" | "forget">;
  readonly to: string;
  readonly now: () => number;
  /** A new name for a message, that no other has. */
  readonly newId: () => string;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** The person wants to leave. */
  readonly leave: () => void;
  /** The person does not want to wait for the daemon that was there. */
  readonly hurry: () => void;
};

/** Holds the state of the screen, draws it, and has done what it asks for. */
export class Conversation {
  readonly #options: ConversationOptions;
  #state: State;
  #attachment: Attachment | undefined;
  #isDrawing = false;

  constructor(options: ConversationOptions) {
    this.#options = options;
    const { screen, to, now, newId } = options;
    this.#state = initialState({ size: screen.size(), to, nowMs: now(), nonce: newId() });
    this.#draw();
  }

  /** Goes on through that line. Resolves once `signal` says so. @throws ChatError PEER_UNREACHABLE where it breaks */
  async talk(line: Line): Promise<void> {
    const { now, signal } = this.#options;
    const happen = (what: Happening) => this.happen(what);
    const attachment = new Attachment(line, { state: () => this.#state, happen, now });
    this.#attachment = attachment;
    const clock = setInterval(() => {
      this.happen({ type: "clock", nowMs: now() });
      void attachment.reload();
    }, REFRESH_MS);
    const ended = new AbortController();
    try {
      this.happen({ type: "attached" });
      await untilAborted(attachment.run(AbortSignal.any([signal, ended.signal])), signal);
    } finally {
      clearInterval(clock);
      ended.abort();
      this.#attachment = undefined;
    }
  }

  happen(happening: Happening): void {
    if (happening.type === "event" && happening.event.type === "typing") this.#lookAgainAt(happening.event.until);
    const { state, effects } = update({ ...this.#state, nowMs: this.#options.now() }, happening);
    this.#state = state;
    for (const effect of effects) this.#do(effect).catch((error: unknown) => this.#complain(error));
    this.#draw();
  }

  /** What was passing is over then. */
  #lookAgainAt(iso: string): void {
    const { now } = this.#options;
    const inMs = Math.min(Math.max(0, Date.parse(iso) - now()), REFRESH_MS);
    this.happen({ type: "clock", nowMs: now() });
    setTimeout(() => this.happen({ type: "clock", nowMs: now() }), inMs).unref();
  }

  /** Many changes in a row are drawn once. */
  #draw(): void {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    setImmediate(() => {
      this.#isDrawing = false;
      if (!this.#options.signal.aborted) this.#options.screen.show(render(this.#state));
    });
  }

  async #do(effect: Effect): Promise<void> {
    const { screen, leave, hurry } = this.#options;
    switch (effect.do) {
      case "lock":
        return await this.#lock();
      case "unlock":
        return await this.#unlock(effect.passphrase);
      case "redraw":
        return screen.forget();
      case "quit":
        return leave();
      default:
        if (this.#attachment !== undefined) return await this.#attachment.do(effect);
        if (effect.do === "retry") hurry();
    }
  }

  async #lock(): Promise<void> {
    if (await this.#options.keys.isSealed()) this.happen({ type: "locked" });
    else this.#complain(new ChatError("USAGE", "these keys have no passphrase, so there is nothing to lock with"));
  }

  async #unlock(passphrase: string): Promise<void> {
    try {
      await this.#options.keys.checkPassphrase(passphrase);
      this.happen({ type: "unlocked" });
    } catch (error) {
      this.happen({ type: "still-locked", reason: reasonOf(error) });
    }
  }

  #complain(error: unknown): void {
    this.happen({ type: "notice", notice: { kind: "warning", text: reasonOf(error) } });
  }
}

/** What is still under way then matters to nobody. */
async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  const stop = () => aborted.resolve();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
