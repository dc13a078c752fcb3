import { hex } from "../../shared/bytes.ts";
import { decodeText, ENVELOPE_KINDS } from "../../shared/envelope.ts";
import type { InboundMessage, OwnMessage, VisibleMessage } from "../messaging/store.ts";
import { sealedTable } from "./sealed-table.ts";
import type { Sealer } from "./sealer.ts";

/** A row of `messages`: what came in and what went out share one table, so that history has one order. */
export type MessageRow = {
  id: number;
  key: Uint8Array;
  inbound: number;
  readable: number;
  cursor: number | null;
  gap_before: number;
  sealed: Uint8Array;
};

export const MESSAGE_COLUMNS = "id, key, inbound, readable, cursor, gap_before, sealed";

export type MessageRows = {
  seal(key: Uint8Array, message: InboundMessage | OwnMessage): Uint8Array;
  conversationTag(conversation: Uint8Array): Uint8Array;
  inbound(row: MessageRow): InboundMessage;
  visible(row: MessageRow): VisibleMessage;
  own(row: MessageRow): OwnMessage;
};

type Stored<Message> = Omit<Message, "text">;

export function messageRows(sealer: Sealer): MessageRows {
  const sealed = sealedTable<Stored<InboundMessage> | Stored<OwnMessage>>(sealer, "messages");
  const inbound = (row: MessageRow) => {
    const stored = sealed.open(hex(row.key), row.sealed) as Stored<InboundMessage>;
    // Rows of the first versions do not say.
    return withText({ ...stored, path: stored.path ?? "direct" });
  };
  return {
    // The text is in the body already.
    seal: (key, { text: _, ...message }) => sealed.seal(hex(key), message),
    inbound,
    conversationTag: (conversation) => sealer.tag("conversation", hex(conversation)),
    visible(row) {
      const { messageId, from, text, sentAtMs, receivedAtMs, seq, kind, path } = inbound(row);
      const place = { cursor: row.cursor ?? 0, gapBefore: row.gap_before, readable: row.readable === 1 };
      return { messageId, from, text, sentAtMs, receivedAtMs, seq, kind, path, ...place };
    },
    own: (row) => withText(sealed.open(hex(row.key), row.sealed) as Stored<OwnMessage>),
  };
}

function withText<Message extends { kind: string; body: Uint8Array }>(message: Message): Message & { text: string } {
  return { ...message, text: message.kind === ENVELOPE_KINDS.text ? decodeText(message.body) : "" };
}
