import { equalBytes } from "../../shared/bytes.ts";
import { directConversation } from "../../shared/conversation.ts";
import { ENVELOPE_KINDS, encodeText } from "../../shared/envelope.ts";
import { ChatError } from "../../shared/errors.ts";
import { envelopeFor } from "./outgoing-envelope.ts";
import type { Contact } from "./ports.ts";
import type { Runtime } from "./runtime.ts";
import type { Self } from "./self.ts";
import type { OwnMessage, Store } from "./store.ts";

const MESSAGE_ID_BYTES = 16;
const MAX_GROUP = 64;

export type AcceptDeps = { readonly self: Self; readonly store: Store; readonly runtime: Runtime };

export type Draft = {
  readonly to: Contact;
  readonly text: string;
  /** `send --id`: the same key, recipient and text again is the same message. */
  readonly requestKey?: string | undefined;
};

type Waiting = {
  readonly draft: Draft;
  readonly accepted: (message: OwnMessage) => void;
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
  accept(draft: Draft): Promise<OwnMessage> {
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
function acceptOne({ self, store, runtime }: AcceptDeps, { to, text, requestKey }: Draft): OwnMessage | ChatError {
  const repeated = requestKey === undefined ? undefined : findRepeated(store, requestKey, { to, text });
  if (repeated !== undefined) return repeated;
  const conversation = directConversation(self.username, to.username);
  const message: OwnMessage = {
    messageId: runtime.randomBytes(MESSAGE_ID_BYTES),
    to: to.username,
    conversation,
    seq: store.numbering.next(conversation),
    kind: ENVELOPE_KINDS.text,
    body: encodeText(text),
    text,
    acceptedAtMs: runtime.now(),
  };
  store.history.addOwn(message);
  for (const device of to.devices) addToOutbox(self, store, message, device);
  const contact = store.contacts.find(to.username);
  if (contact?.accepted === false) store.contacts.save({ ...contact, accepted: true });
  if (requestKey !== undefined) store.requests.save(requestKey, message.messageId);
  return message;
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

function findRepeated(store: Store, key: string, { to, text }: Draft): OwnMessage | ChatError | undefined {
  const messageId = store.requests.find(key);
  if (messageId === undefined) return undefined;
  const message = store.history.findOwn(messageId);
  if (message?.to === to.username && message.text === text && equalBytes(message.messageId, messageId)) return message;
  return new ChatError("ID_CONFLICT", "another message was sent with this --id; nothing was sent");
}
