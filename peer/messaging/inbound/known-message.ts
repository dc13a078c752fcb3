import { ChatError } from "../../../shared/errors.ts";
import type { Username } from "../../../shared/username.ts";
import type { Self } from "../self.ts";
import type { KeptText } from "../store/inbox.ts";
import type { Store } from "../store.ts";

/** A text that is here under some id, or was. */
export type KnownMessage = {
  readonly author: Username;
  /** With whom it was exchanged. */
  readonly other: Username;
  /** `waiting`: a stranger's, which nobody sees yet. `gone`: deleted, or expired. */
  readonly state: "shown" | "waiting" | "gone";
  /** Milliseconds since the Unix epoch. */
  readonly expiresAtMs: number | undefined;
};

type Here = { readonly store: Store; readonly self: Pick<Self, "username">; readonly nowMs: number };

/** Ids are their authors' choice: several people may have used the same. */
export function knownMessages({ store, self, nowMs }: Here, messageId: Uint8Array): readonly KnownMessage[] {
  const said = store.amendments.of(messageId);
  const know = (author: Username, other: Username, kept: KeptText): KnownMessage => {
    const isDeleted = said.some((one) => one.kind === "delete" && one.author === author);
    return { author, other, state: stateOf(kept, isDeleted, nowMs), expiresAtMs: kept.expiresAtMs };
  };
  const own = store.history.findOwn(messageId);
  const theirs = store.inbox.texts(messageId).map((kept) => know(kept.from, kept.from, kept));
  return own?.kind === "text" ? [know(self.username, own.to, own), ...theirs] : theirs;
}

export function isExpired({ expiresAtMs }: { readonly expiresAtMs: number | undefined }, nowMs: number): boolean {
  return expiresAtMs !== undefined && expiresAtMs <= nowMs;
}

function stateOf(kept: KeptText, isDeleted: boolean, nowMs: number): KnownMessage["state"] {
  if (isDeleted || kept.show === "nothing" || isExpired(kept, nowMs)) return "gone";
  return kept.show === "request" ? "waiting" : "shown";
}

/** @throws ChatError USAGE */
export function readMessageId(id: string): Uint8Array {
  if (!/^[0-9a-f]{32}$/.test(id)) throw new ChatError("USAGE", "a message id has 32 hex digits");
  return Buffer.from(id, "hex");
}
