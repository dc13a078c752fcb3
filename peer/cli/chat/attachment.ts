import { ChatError } from "../../../shared/errors.ts";
import type { ChatEvent, ConsumeOptions, Consumer, PresenceFeed } from "../../messaging/operations/feed.ts";
import type { Operations } from "../../messaging/operations.ts";
import { ADVICE } from "../advice.ts";
import { type Effect, type Happening, idOf, PAGE, type State } from "./model.ts";

/** What a conversation is had through: a daemon, or the profile in this process. */
export type Line = {
  readonly operations: Operations;
  readonly presence: PresenceFeed;
  consume(options: ConsumeOptions): Promise<Consumer>;
};

/** What goes through the line. */
export type Errand = Exclude<Effect, { do: "lock" | "unlock" | "redraw" | "quit" }>;
type Sending = Extract<Errand, { do: "send" }>;

/** Whose errands they are. */
export type Asker = {
  readonly state: () => State;
  readonly happen: (happening: Happening) => void;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
};

const SEND_TIMEOUT_MS = 30_000;
const SAY_TYPING_EVERY_MS = 4000;
/** As many windows on one profile have each a place of their own. */
const MAX_WINDOWS = 9;
const SEARCH_LIMIT = 1000;

/** A conversation's use of one line, from when it is there until it is gone. */
export class Attachment {
  readonly #line: Line;
  readonly #asker: Asker;
  #consumer: Consumer | undefined;
  #said: { readonly to: string; readonly atMs: number } | undefined;
  /** The first page: what comes from the feed is held against it. */
  #loading: Promise<void> = Promise.resolve();

  constructor(line: Line, asker: Asker) {
    this.#line = line;
    this.#asker = asker;
  }

  /** Tells what comes until `signal` says so. @throws ChatError PEER_UNREACHABLE where the line breaks */
  async run(signal: AbortSignal): Promise<void> {
    const { operations } = this.#line;
    const { happen } = this.#asker;
    try {
      happen({ type: "me", username: (await operations.whoami()).username });
      await this.#listContacts();
      await this.#loading;
      await Promise.all([this.#events(signal), this.#presence(signal)]);
    } finally {
      this.#consumer?.close();
    }
  }

  async do(errand: Errand): Promise<void> {
    const { operations } = this.#line;
    switch (errand.do) {
      case "load":
        this.#loading = this.#load(errand);
        return await this.#loading;
      case "send":
        return await this.#send(errand);
      case "alter":
        return await this.#alter(errand);
      case "search":
        return await this.#search(errand);
      case "read":
        // Who is no contact yet cannot be told.
        return void (await operations.markRead({ with: errand.with }).catch(() => undefined));
      case "typing":
        return await this.#sayTyping(errand.with);
      case "seen":
        return await this.#consumer?.acknowledge(errand.cursor);
      case "accept":
        await operations.contactsAccept({ username: errand.with });
        return await this.#listContacts();
      case "retry": {
        const { retried } = await operations.outboxRetry({});
        return this.#asker.happen({ type: "notice", notice: { kind: "talk", text: `${retried} tried again` } });
      }
    }
  }

  /** What others of this user's programs did shows here too. */
  async reload(): Promise<void> {
    await this.#load({ do: "load", with: this.#asker.state().current, limit: PAGE }).catch(() => undefined);
    await this.#listContacts().catch(() => undefined);
  }

  async #load({ with: username, olderThan, limit }: Extract<Errand, { do: "load" }>): Promise<void> {
    const place = olderThan === undefined ? {} : { olderThan };
    const page = await this.#line.operations.history({ with: username, limit, ...place });
    this.#asker.happen({ type: "page", with: username, ...place, ...page });
  }

  async #search({ with: username, query }: Extract<Errand, { do: "search" }>): Promise<void> {
    const found = await this.#line.operations.history({ with: username, search: query, limit: SEARCH_LIMIT });
    this.#asker.happen({ type: "found", with: username, query, messages: found.messages });
  }

  /** With an id of our own: where the line breaks before the answer, the same again does no harm. */
  async #send({ with: to, local, id, text, replyTo }: Sending): Promise<void> {
    const { happen, state } = this.#asker;
    const answer = replyTo === undefined ? {} : { replyTo };
    const wanted = { to, text, id, wait: "queued", timeoutMs: SEND_TIMEOUT_MS, ...answer } as const;
    try {
      const sent = await this.#line.operations.send(wanted);
      happen({ type: "sent", with: to, local, id: sent.id, state: sent.state });
    } catch (error) {
      if (isLineGone(error)) return;
      return happen({ type: "unsent", with: to, local, reason: reasonOf(error) });
    }
    const isNew = state().conversations.some(({ username, contact }) => username === to && contact === undefined);
    if (isNew) await this.#listContacts();
  }

  /** One word of it lasts for some seconds. */
  async #sayTyping(to: string): Promise<void> {
    const nowMs = this.#asker.now();
    if (to === this.#said?.to && Math.abs(nowMs - this.#said.atMs) < SAY_TYPING_EVERY_MS) return;
    this.#said = { to, atMs: nowMs };
    // It is of no use later.
    await this.#line.operations.typing({ to }).catch(() => undefined);
  }

  async #alter({ with: username, key, alteration }: Extract<Errand, { do: "alter" }>): Promise<void> {
    const { operations } = this.#line;
    const params = { id: idOf(key) ?? "", wait: "queued", timeoutMs: SEND_TIMEOUT_MS } as const;
    if (alteration.kind === "edit") await operations.edit({ ...params, text: alteration.text });
    else if (alteration.kind === "delete") await operations.remove(params);
    else await operations.react({ ...params, emoji: alteration.emoji });
    this.#asker.happen({ type: "altered", with: username, key, alteration });
  }

  async #listContacts(): Promise<void> {
    this.#asker.happen({ type: "contacts", ...(await this.#line.operations.contactsList()) });
  }

  async #events(signal: AbortSignal): Promise<void> {
    const consumer = await openConsumer(this.#line);
    this.#consumer = consumer;
    for await (const event of consumer.events(signal)) this.#take(event);
  }

  #take(event: ChatEvent): void {
    this.#asker.happen({ type: "event", event });
    const { conversations, current } = this.#asker.state();
    // Sent by another program of this user, or known here by its text alone until now.
    if (event.type === "receipt" && event.to === current && !this.#knows(event.id)) void this.reload();
    if (event.type === "receipt" && event.state === "failed") void this.#explain(event.id).catch(() => undefined);
    if (event.type !== "message") return;
    const isListed = conversations.some(({ username, contact }) => username === event.from && contact !== undefined);
    if (!isListed) void this.#listContacts().catch(() => undefined);
  }

  async #explain(id: string): Promise<void> {
    const { items } = await this.#line.operations.outboxList();
    const { to, reason, error } = items.find((item) => item.id === id) ?? {};
    if (to === undefined) return;
    const text = `failed to reach ${to}: ${reason ?? error ?? "no reason was given"}`;
    this.#asker.happen({ type: "notice", notice: { kind: "warning", text } });
  }

  #knows(id: string): boolean {
    const { conversations, current } = this.#asker.state();
    const found = conversations.find(({ username }) => username === current);
    return found?.entries.some(({ key }) => key === `out/${id}`) ?? false;
  }

  async #presence(signal: AbortSignal): Promise<void> {
    for await (const event of this.#line.presence.events(signal)) this.#asker.happen({ type: "presence", event });
  }
}

/** The first name that no other window has. */
async function openConsumer(line: Line): Promise<Consumer> {
  for (let window = 1; ; window += 1) {
    try {
      const consumer = window === 1 ? "chat" : `chat-${window}`;
      return await line.consume({ consumer, since: "now", receipts: true, typing: true });
    } catch (error) {
      const isTaken = error instanceof ChatError && error.code === "PROFILE_BUSY" && error.reason === "consumer";
      if (!isTaken || window >= MAX_WINDOWS) throw error;
    }
  }
}

/** The daemon on the other end has ended. */
export function isLineGone(error: unknown): boolean {
  return error instanceof ChatError && error.code === "PEER_UNREACHABLE" && error.reason === "daemon";
}

/** What happened and what to do, in one row. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof ChatError)) return "this is a fault of p2pchat; what was confirmed before is safe";
  return [error.message, ADVICE[error.code]].filter((part) => part !== undefined).join(". ");
}
