import { ChatError } from "../../../shared/errors.ts";
import type { ChatEvent, ConsumeOptions, Consumer, Operations, PresenceFeed } from "../../messaging/operations.ts";
import { ADVICE } from "../advice.ts";
import { type Effect, type Happening, idOf, initialState, PAGE, type State } from "./model.ts";
import { render } from "./render.ts";
import type { Screen } from "./screen.ts";
import { update } from "./update.ts";

/** What a conversation is had through: a daemon, or the profile in this process. */
export type Line = {
  readonly operations: Operations;
  readonly presence: PresenceFeed;
  consume(options: ConsumeOptions): Promise<Consumer>;
  /** Whether there is a passphrase to ask for. */
  isSealed(): Promise<boolean>;
  /** @throws ChatError PASSPHRASE_WRONG */
  checkPassphrase(passphrase: string): Promise<void>;
};

const SEND_TIMEOUT_MS = 30_000;
const REFRESH_MS = 20_000;
/** As many windows on one profile have each a place of their own. */
const MAX_WINDOWS = 9;
const SEARCH_LIMIT = 1000;

export type ConversationOptions = {
  readonly line: Line;
  readonly screen: Pick<Screen, "size" | "show" | "forget">;
  readonly to: string;
  readonly now: () => number;
  /** Ends it. */
  readonly signal: AbortSignal;
};

/** Holds the state of the screen, draws it, and does what it asks for. */
export class Conversation {
  readonly #options: ConversationOptions;
  readonly #ended = Promise.withResolvers<void>();
  #state: State;
  #consumer: Consumer | undefined;
  #isDrawing = false;

  constructor(options: ConversationOptions) {
    this.#options = options;
    const { screen, to, now } = options;
    this.#state = initialState({ size: screen.size(), to, nowMs: now() });
  }

  /** Resolves once the person leaves or `signal` says so. @throws ChatError PEER_UNREACHABLE where the daemon ends */
  async run(): Promise<void> {
    const { line, signal, now } = this.#options;
    const { operations } = line;
    signal.addEventListener("abort", () => this.#ended.resolve(), { once: true });
    const clock = setInterval(() => {
      this.happen({ type: "clock", nowMs: now() });
      void this.#reload();
    }, REFRESH_MS);
    try {
      this.#draw();
      this.happen({ type: "me", username: (await operations.whoami()).username });
      this.happen({ type: "contacts", ...(await operations.contactsList()) });
      await this.#loading;
      this.#follow(this.#events());
      this.#follow(this.#presence());
      await this.#ended.promise;
    } finally {
      clearInterval(clock);
      this.#consumer?.close();
    }
  }

  happen(happening: Happening): void {
    const { state, effects } = update(this.#state, happening);
    this.#state = state;
    for (const effect of effects) this.#begin(effect);
    this.#draw();
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

  /** The first page: what comes from the feed is held against it. */
  #loading: Promise<void> = Promise.resolve();

  #begin(effect: Effect): void {
    const work = this.#do(effect).catch((error: unknown) => this.#complain(error));
    if (effect.do === "load") this.#loading = work;
  }

  async #do(effect: Effect): Promise<void> {
    const { line, screen } = this.#options;
    const { operations } = line;
    switch (effect.do) {
      case "load":
        return await this.#load(effect);
      case "send":
        return await this.#send(effect);
      case "alter":
        return await this.#alter(effect);
      case "search": {
        const { messages } = await operations.history({
          with: effect.with,
          search: effect.query,
          limit: SEARCH_LIMIT,
        });
        return this.happen({ type: "found", with: effect.with, query: effect.query, messages });
      }
      case "read":
        // Who is no contact yet cannot be told.
        return void (await operations.markRead({ with: effect.with }).catch(() => undefined));
      case "seen":
        return await this.#consumer?.acknowledge(effect.cursor);
      case "accept":
        await operations.contactsAccept({ username: effect.with });
        return await this.#listContacts();
      case "retry": {
        const { retried } = await operations.outboxRetry({});
        return this.happen({ type: "notice", notice: { kind: "talk", text: `${retried} tried again` } });
      }
      case "lock":
        return await this.#lock();
      case "unlock":
        return await this.#unlock(effect.passphrase);
      case "redraw":
        return screen.forget();
      case "quit":
        return this.#ended.resolve();
    }
  }

  async #load({ with: username, olderThan, limit }: Extract<Effect, { do: "load" }>): Promise<void> {
    const { operations } = this.#options.line;
    const place = olderThan === undefined ? {} : { olderThan };
    const page = await operations.history({ with: username, limit, ...place });
    this.happen({ type: "page", with: username, ...place, ...page });
  }

  /** What others of this user's programs did shows here too. */
  async #reload(): Promise<void> {
    await this.#load({ do: "load", with: this.#state.current, limit: PAGE }).catch(() => undefined);
  }

  async #send({ with: to, local, text, replyTo }: Extract<Effect, { do: "send" }>): Promise<void> {
    const answer = replyTo === undefined ? {} : { replyTo };
    try {
      const params = { to, text, wait: "queued", timeoutMs: SEND_TIMEOUT_MS, ...answer } as const;
      const { id, state } = await this.#options.line.operations.send(params);
      this.happen({ type: "sent", with: to, local, id, state });
      if (this.#state.conversations.some(({ username, contact }) => username === to && contact === undefined)) {
        await this.#listContacts();
      }
    } catch (error) {
      this.happen({ type: "unsent", with: to, local, reason: reasonOf(error) });
    }
  }

  async #alter({ with: username, key, alteration }: Extract<Effect, { do: "alter" }>): Promise<void> {
    const { operations } = this.#options.line;
    const params = { id: idOf(key) ?? "", wait: "queued", timeoutMs: SEND_TIMEOUT_MS } as const;
    if (alteration.kind === "edit") await operations.edit({ ...params, text: alteration.text });
    else if (alteration.kind === "delete") await operations.remove(params);
    else await operations.react({ ...params, emoji: alteration.emoji });
    this.happen({ type: "altered", with: username, key, alteration });
  }

  async #listContacts(): Promise<void> {
    this.happen({ type: "contacts", ...(await this.#options.line.operations.contactsList()) });
  }

  async #lock(): Promise<void> {
    if (await this.#options.line.isSealed()) this.happen({ type: "locked" });
    else this.#complain(new ChatError("USAGE", "these keys have no passphrase, so there is nothing to lock with"));
  }

  async #unlock(passphrase: string): Promise<void> {
    try {
      await this.#options.line.checkPassphrase(passphrase);
      this.happen({ type: "unlocked" });
    } catch (error) {
      this.happen({ type: "still-locked", reason: reasonOf(error) });
    }
  }

  #complain(error: unknown): void {
    this.happen({ type: "notice", notice: { kind: "warning", text: reasonOf(error) } });
  }

  /** What cannot go on without the other end. */
  #follow(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (!this.#options.signal.aborted) this.#ended.reject(error);
    });
  }

  async #events(): Promise<void> {
    const { line, signal } = this.#options;
    const consumer = await openConsumer(line);
    this.#consumer = consumer;
    for await (const event of consumer.events(signal)) this.#take(event);
  }

  #take(event: ChatEvent): void {
    this.happen({ type: "event", event });
    // Sent by another program of this user, or known here by its text alone until now.
    if (event.type === "receipt" && event.to === this.#state.current && !this.#knows(event.id)) void this.#reload();
    if (event.type === "receipt" && event.state === "failed") void this.#explain(event.id).catch(() => undefined);
    if (event.type === "message" && !this.#isListed(event.from)) void this.#listContacts().catch(() => undefined);
  }

  async #explain(id: string): Promise<void> {
    const { items } = await this.#options.line.operations.outboxList();
    const { to, reason, error } = items.find((item) => item.id === id) ?? {};
    if (to === undefined) return;
    const text = `failed to reach ${to}: ${reason ?? error ?? "no reason was given"}`;
    this.happen({ type: "notice", notice: { kind: "warning", text } });
  }

  #knows(id: string): boolean {
    const found = this.#state.conversations.find(({ username }) => username === this.#state.current);
    return found?.entries.some(({ key }) => key === `out/${id}`) ?? false;
  }

  #isListed(from: string): boolean {
    return this.#state.conversations.some(({ username, contact }) => username === from && contact !== undefined);
  }

  async #presence(): Promise<void> {
    const { line, signal } = this.#options;
    for await (const event of line.presence.events(signal)) this.happen({ type: "presence", event });
  }
}

/** The first name that no other window has. */
async function openConsumer(line: Line): Promise<Consumer> {
  for (let window = 1; ; window += 1) {
    try {
      const consumer = window === 1 ? "chat" : `chat-${window}`;
      return await line.consume({ consumer, since: "now", receipts: true });
    } catch (error) {
      const isTaken = error instanceof ChatError && error.code === "PROFILE_BUSY" && error.reason === "consumer";
      if (!isTaken || window >= MAX_WINDOWS) throw error;
    }
  }
}

/** What happened and what to do, in one row. */
function reasonOf(error: unknown): string {
  if (!(error instanceof ChatError)) return "this is a fault of p2pchat; what was confirmed before is safe";
  return [error.message, ADVICE[error.code]].filter((part) => part !== undefined).join(". ");
}
