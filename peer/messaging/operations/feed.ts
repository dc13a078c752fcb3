import type { ErrorCode } from "../../../shared/errors.ts";
import type { ChatMessage, SendResult } from "./messages.ts";
import type { OnlinePersonView } from "./status.ts";

/** What whoever watches presence is told. */
export type PresenceEvent =
  /** `initial`: online before the watching began. */
  | ({ readonly type: "presence"; readonly online: boolean; readonly initial: boolean } & OnlinePersonView)
  /** The server cannot be heard now; it is tried again. */
  | { readonly type: "lost"; readonly code: ErrorCode; readonly message: string };

type ChangeEvent = {
  /** Of the message that it is about. */
  readonly id: string;
  readonly from: string;
  readonly receivedAt: string;
  readonly cursor: number;
};

/** What `listen` prints as it happens. */
export type ChatEvent =
  | ({ readonly type: "message" } & ChatMessage)
  /** Of an earlier message, by its author: `id` is that message's. */
  | (ChangeEvent & { readonly type: "edit"; readonly text: string })
  | (ChangeEvent & { readonly type: "delete" })
  /** An empty `emoji` takes the reaction back. */
  | (ChangeEvent & { readonly type: "reaction"; readonly emoji: string })
  /** An own message came so far; only for readers who ask. */
  | ({ readonly type: "receipt" } & Pick<SendResult, "id" | "to" | "state">)
  /** A contact is writing, until then unless it comes again; only for readers who ask. */
  | { readonly type: "typing"; readonly from: string; readonly until: string }
  | { readonly type: "presence"; readonly username: string; readonly online: boolean }
  | {
      readonly type: "key-change";
      readonly username: string;
      readonly oldFingerprint: string;
      readonly newFingerprint: string;
    }
  /**
   * Messages `fromSeq` to `toSeq` of that person are missing; those behind them are shown now. `cursor`: before the
   * message that follows, or past what nobody reads.
   */
  | {
      readonly type: "gap";
      readonly from: string;
      readonly fromSeq: number;
      readonly toSeq: number;
      readonly cursor: number;
    }
  | { readonly type: "error"; readonly code: ErrorCode; readonly message: string };

/**
 * What has become visible, from a durable place on: each message once, in order, then whatever happens.
 * `shown` moves the place of this profile's `listen` past a cursor.
 */
export interface Feed {
  events(options: FeedOptions): AsyncIterable<ChatEvent>;
  shown(cursor: number): void;
  /** @throws ChatError PROFILE_BUSY (reason `consumer`) while somebody reads under that name */
  consume(options: ConsumeOptions): Promise<Consumer>;
}

export type FeedOptions = {
  /** The cursor after which to begin, instead of the remembered place. */
  readonly since?: number;
  readonly signal: AbortSignal;
} & Asked;

export type ConsumeOptions = {
  /** Under which the place is remembered. Without a name there is none: the reading begins with what is to come, unless `since` says where. */
  readonly consumer?: string;
  /** The cursor after which to begin, instead of the remembered place; `now`: one without a place begins with what is to come. */
  readonly since?: number | "now";
} & Asked;

/** What only those are told who ask. */
export type Asked = {
  /** What becomes of own messages. */
  readonly receipts?: boolean;
  /** Who writes just now. */
  readonly typing?: boolean;
  /** Whoever reads this is not told everything: what waits for the owner is not for them. */
  readonly narrowed?: boolean;
};

/** What is done of the events behind a place, and what failed there: for who does not do them in order. */
export type Ahead = {
  /** The first and the last cursor of those one behind the other that are done, rising. */
  readonly done: readonly (readonly [first: number, last: number])[];
  readonly failed: readonly {
    readonly cursor: number;
    /** It is about the `gap` with that cursor. */
    readonly gap: boolean;
    readonly failures: number;
  }[];
};

/** A reading of the feed whose place is remembered under a name: each event until it is acknowledged, in order. */
export interface Consumer {
  /** What was kept with the place; such events are given out all the same. */
  readonly ahead?: Ahead;
  /** Once for each consumer. Ends with `signal`; throws where the daemon it reads from ends. */
  events(signal: AbortSignal): AsyncIterable<ChatEvent>;
  /**
   * That event, which was given out, and all before it will not come again. `ahead` is kept with the place, in the stead of
   * what was kept before.
   *
   * @throws ChatError REQUEST_INVALID
   */
  acknowledge(cursor: number, ahead?: Ahead): void | Promise<void>;
  /** Frees the name. */
  close(): void;
}

/** Who is online: first everybody, then each who comes or goes. */
export interface PresenceFeed {
  events(signal: AbortSignal): AsyncIterable<PresenceEvent>;
}
