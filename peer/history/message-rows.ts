import { hex } from "../../shared/bytes.ts";
import type { InboundMessage, OwnMessage, VisibleMessage } from "../messaging/store.ts";
import { type SealedTable, sealedTable } from "./sealed-table.ts";
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
  readonly sealed: SealedTable<InboundMessage | OwnMessage>;
  conversationTag(conversation: Uint8Array): Uint8Array;
  inbound(row: MessageRow): InboundMessage;
  visible(row: MessageRow): VisibleMessage;
  own(row: MessageRow): OwnMessage;
};

export function messageRows(sealer: Sealer): MessageRows {
  const sealed = sealedTable<InboundMessage | OwnMessage>(sealer, "messages");
  const inbound = (row: MessageRow) => sealed.open(hex(row.key), row.sealed) as InboundMessage;
  return {
    sealed,
    inbound,
    conversationTag: (conversation) => sealer.tag("conversation", hex(conversation)),
    visible(row) {
      const { messageId, from, text, sentAtMs, receivedAtMs, seq, kind } = inbound(row);
      const place = { cursor: row.cursor ?? 0, gapBefore: row.gap_before, readable: row.readable === 1 };
      return { messageId, from, text, sentAtMs, receivedAtMs, seq, kind, ...place };
    },
    own: (row) => sealed.open(hex(row.key), row.sealed) as OwnMessage,
  };
}
