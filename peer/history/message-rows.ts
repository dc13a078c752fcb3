import { hex } from "../../shared/bytes.ts";
import { type Content, decodeContent, ENVELOPE_KINDS, encodeContent } from "../../shared/content.ts";
import { isChatError } from "../../shared/errors.ts";
import type { OwnMessage } from "../messaging/store/history.ts";
import type { InboundMessage, KeptText, Show, VisibleMessage } from "../messaging/store/inbox.ts";
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
  expires_at: number | null;
  sealed: Uint8Array;
};

export const MESSAGE_COLUMNS = "id, key, inbound, readable, cursor, gap_before, expires_at, sealed";

export type MessageRows = {
  seal(key: Uint8Array, message: InboundMessage | OwnMessage): Uint8Array;
  /** The same message with nothing to say. */
  sealWithout(row: MessageRow): Uint8Array;
  conversationTag(conversation: Uint8Array): Uint8Array;
  inbound(row: MessageRow): InboundMessage & WithContent;
  visible(row: MessageRow): VisibleMessage;
  own(row: MessageRow): OwnMessage & WithContent;
  kept(row: MessageRow): KeptText;
};

type Stored<Message> = Omit<Message, "text">;
type WithContent = { readonly content: Content | undefined };

/** Who sees a message: `readable` in the table. */
export const SHOW = { nothing: 0, text: 1, change: 2, request: 3 } as const satisfies Record<Show, number>;
const SHOWS = ["nothing", "text", "change", "request"] as const;

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
      // Of a change there is nothing left to forget.
      const body = message.kind === ENVELOPE_KINDS.text ? encodeContent({ kind: "text", text: "" }) : message.body;
      return sealed.seal(hex(row.key), { ...message, body });
    },
    inbound,
    own,
    kept: (row) => ({ show: showOf(row), expiresAtMs: row.expires_at ?? undefined }),
    conversationTag: (conversation) => sealer.tag("conversation", hex(conversation)),
    visible(row) {
      const { messageId, from, text, content, sentAtMs, receivedAtMs, seq, kind, path } = inbound(row);
      const place = { cursor: row.cursor ?? 0, gapBefore: row.gap_before };
      const isKnown = content !== undefined;
      const shown = {
        readable: isKnown && row.readable === SHOW.text,
        change: isKnown && row.readable === SHOW.change,
      };
      const expiresAtMs = row.expires_at ?? undefined;
      return {
        messageId,
        from,
        text,
        content,
        sentAtMs,
        receivedAtMs,
        seq,
        kind,
        path,
        ...place,
        ...shown,
        expiresAtMs,
      };
    },
  };
}

function withContent<Message extends { kind: string; body: Uint8Array }>(message: Message) {
  const content = readContent(message);
  return { ...message, content, text: content?.kind === "text" ? content.text : "" };
}

/** What an earlier version took and this one refuses says nothing, and keeps nobody from the messages around it. */
function readContent({ kind, body }: { kind: string; body: Uint8Array }): Content | undefined {
  try {
    return decodeContent(kind, body);
  } catch (error) {
    if (isChatError(error, "ENVELOPE_INVALID")) return undefined;
    throw error;
  }
}

function showOf({ readable }: MessageRow): Show {
  return SHOWS.find((show) => SHOW[show] === readable) ?? "nothing";
}
