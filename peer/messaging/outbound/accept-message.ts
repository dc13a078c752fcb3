import { concat, utf8 } from "../../../shared/bytes.ts";
import { type Content, encodeContent } from "../../../shared/content.ts";
import { directConversation } from "../../../shared/conversation.ts";
import { ChatError } from "../../../shared/errors.ts";
import { sha256 } from "../../../shared/hash.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { ownExpiry } from "../expiry.ts";
import { applyChange, isChange, withoutValue } from "../inbound/apply-change.ts";
import { knownMessages } from "../inbound/known-message.ts";
import type { Contact } from "../ports/contacts.ts";
import type { Runtime } from "../runtime.ts";
import type { Self } from "../self.ts";
import type { OwnMessage } from "../store/history.ts";
import type { Store } from "../store.ts";
import { envelopeFor } from "./outgoing-envelope.ts";

const MAX_GROUP = 64;

export type AcceptDeps = { readonly self: Self; readonly store: Store; readonly runtime: Runtime };

export type Draft = {
  readonly to: Contact;
  readonly content: Content;
  /** `send --id`: the same key, recipient and text again is the same message, also once its text is forgotten. */
  readonly requestKey?: string | undefined;
};

/** Of one that was taken back before it left, no more is known. */
export type Accepted = Pick<OwnMessage, "messageId">;

type Waiting = {
  readonly draft: Draft;
  readonly accepted: (message: Accepted) => void;
  readonly refused: (error: unknown) => void;
};

/** Takes messages into the outbox; those that come in adjoining turns of the event loop share a transaction. */
export class Acceptor {
  readonly #deps: AcceptDeps;
  #waiting: Waiting[] = [];

  constructor(deps: AcceptDeps) {
    this.#deps = deps;
  }

  /**
   * Once this resolves, the message is delivered or visibly fails, whatever happens to the process.
   *
   * @throws ChatError ID_CONFLICT when the key stands for another message; STORAGE
   */
  accept(draft: Draft): Promise<Accepted> {
    return new Promise((accepted, refused) => {
      if (this.#waiting.length === 0) this.#afterQuiet(1);
      this.#waiting.push({ draft, accepted, refused });
    });
  }

  /** Waits for a turn that brings nothing new: in a flood, waiting for the disk is most of what a message costs. */
  #afterQuiet(seen: number): void {
    setImmediate(() => {
      const count = this.#waiting.length;
      if (count === seen || count >= MAX_GROUP) this.#acceptAll();
      else this.#afterQuiet(count);
    });
  }

  #acceptAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      const outcomes = this.#deps.store.transaction(() => waiting.map(({ draft }) => acceptOne(this.#deps, draft)));
      outcomes.forEach((outcome, index) => {
        if (outcome instanceof ChatError) waiting[index]?.refused(outcome);
        else waiting[index]?.accepted(outcome);
      });
    } catch (error) {
      for (const { refused } of waiting) refused(error);
    }
  }
}

/** Its sequence, its history entry, and an envelope for each device of the recipient; in a transaction. */
function acceptOne({ self, store, runtime }: AcceptDeps, { to, content, requestKey }: Draft): Accepted | ChatError {
  const repeated = requestKey === undefined ? undefined : findRepeated(store, requestKey, { to, content });
  if (repeated !== undefined) return repeated;
  const conversation = directConversation(self.username, to.username);
  const message: OwnMessage = {
    messageId: runtime.randomBytes(LIMITS.messageIdBytes),
    to: to.username,
    conversation,
    seq: store.numbering.next(conversation),
    kind: content.kind,
    body: encodeContent(content),
    text: content.kind === "text" ? content.text : "",
    acceptedAtMs: runtime.now(),
  };
  record({ self, store, runtime }, message, content);
  for (const device of to.devices) addToOutbox(self, store, message, device);
  const contact = store.contacts.find(to.username);
  if (contact?.accepted === false) {
    store.contacts.save({ ...contact, accepted: true });
    store.inbox.accept(to.username);
  }
  if (requestKey !== undefined) store.requests.save(requestKey, { ...message, said: hashOf({ to, content }) });
  return message;
}

/** What this profile itself sees of its message. */
function record({ self, store, runtime }: AcceptDeps, message: OwnMessage, content: Content): void {
  if (isChange(content)) {
    const known = knownMessages({ store, self, nowMs: runtime.now() }, content.target);
    const about = known.find(({ other }) => other === message.to);
    // A deletion goes out even so; anything else is forgotten with the message, on its way too.
    const expiresAtMs = content.kind === "delete" ? undefined : about?.expiresAtMs;
    store.history.addOwn({ ...message, body: encodeContent(withoutValue(content)) }, "change", expiresAtMs);
    applyChange(store, content, { author: self.username, ownChange: message.messageId });
  } else store.history.addOwn(message, content.kind === "text" ? "text" : "nothing", ownExpiry(content));
}

/** Signs a message for a device and queues it; in a transaction. */
function addToOutbox(self: Self, store: Store, message: OwnMessage, device: Contact["devices"][number]): void {
  const { messageId, to, seq, acceptedAtMs } = message;
  store.outbox.add({
    messageId,
    to,
    device,
    seq,
    acceptedAtMs,
    tombstone: false,
    ...envelopeFor(self, store.numbering, message, device),
  });
}

function findRepeated(store: Store, key: string, draft: Draft): Accepted | ChatError | undefined {
  const found = store.requests.find(key, hashOf(draft));
  if (found === undefined) return undefined;
  if (found.isSame ?? isStored(store, found.messageId, draft)) return found;
  return new ChatError("ID_CONFLICT", "another message was sent with this --id; nothing was sent");
}

function isStored(store: Store, messageId: Uint8Array, { to, content }: Draft): boolean {
  const message = store.history.findOwn(messageId);
  return message?.to === to.username && content.kind === "text" && message.text === content.text;
}

/** What makes two requests the same. Since when a text expires depends on when it was asked for. */
function hashOf({ to, content }: Draft): Uint8Array {
  const said = content.kind === "text" ? { ...content, expiresAt: undefined } : content;
  return sha256(concat(utf8(`${to.username} ${content.kind} `), encodeContent(said)));
}
