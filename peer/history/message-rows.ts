import { hex } from "../../shared/bytes.ts";
import { type Content, decodeContent, encodeContent } from "../../shared/content.ts";
import type { InboundMessage, OwnMessage, Show, VisibleMessage } from "../messaging/store.ts";
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
  /** The same message with nothing to say. */
  sealWithout(row: MessageRow): Uint8Array;
  conversationTag(conversation: Uint8Array): Uint8Array;
  inbound(row: MessageRow): InboundMessage & WithContent;
  visible(row: MessageRow): VisibleMessage;
  own(row: MessageRow): OwnMessage & WithContent;
};

type Stored<Message> = Omit<Message, "text">;
type WithContent = { readonly content: Content | undefined };

/** Who sees a message: `readable` in the table. */
export const SHOW = { nothing: 0, text: 1, change: 2, request: 3 } as const satisfies Record<Show, number>;

export function messageRows(sealer: Sealer): MessageRows {
  const sealed = sealedTable<Stored<InboundMessage> | Stored<OwnMessage>>(sealer, "messages");
  const inbound = (row: MessageRow) => {
    const stored = sealed.open(hex(row.key), row.sealed) as Stored<InboundMessage>;
    // Rows of the first versions do not say.
    return withContent({ ...stored, path: stored.path ?? "direct" });
  };
  const own = (row: MessageRow) => withContent(sealed.open(hex(row.key), row.sealed) as Stored<OwnMessage>);
  return {
    // The text is in the body already.
    seal: (key, { text: _, ...message }) => sealed.seal(hex(key), message),
    sealWithout(row) {
      const { content: _, text: __, ...message } = row.inbound === 1 ? inbound(row) : own(row);
      return sealed.seal(hex(row.key), { ...message, body: encodeContent({ kind: "text", text: "" }) });
    },
    inbound,
    own,
    conversationTag: (conversation) => sealer.tag("conversation", hex(conversation)),
    visible(row) {
      const { messageId, from, text, content, sentAtMs, receivedAtMs, seq, kind, path } = inbound(row);
      const place = { cursor: row.cursor ?? 0, gapBefore: row.gap_before };
      const shown = { readable: row.readable === SHOW.text, change: row.readable === SHOW.change };
      return { messageId, from, text, content, sentAtMs, receivedAtMs, seq, kind, path, ...place, ...shown };
    },
  };
}

function withContent<Message extends { kind: string; body: Uint8Array }>(message: Message) {
  const content = decodeContent(message.kind, message.body);
  return { ...message, content, text: content?.kind === "text" ? content.text : "" };
}
