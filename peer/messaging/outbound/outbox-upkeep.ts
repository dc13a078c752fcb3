import { equalBytes } from "../../../shared/bytes.ts";
import { decodeContent, ENVELOPE_KINDS, encodeTombstone } from "../../../shared/content.ts";
import { type Envelope, openEnvelope, sealEnvelope } from "../../../shared/envelope.ts";
import { isChange } from "../inbound/apply-change.ts";
import type { Self } from "../self.ts";
import type { Expired, OwnMessage } from "../store/history.ts";
import type { OutboxRow } from "../store/outbox.ts";
import type { Store } from "../store.ts";

/** After this long a message that nobody took is given up, visibly; after twice as long its tombstone is, too. */
const GIVE_UP_AFTER_MS = 30 * 24 * 60 * 60_000;

type Why = Pick<OutboxRow, "error" | "reason">;

const NO_REASON: Why = { error: undefined, reason: undefined };

type Deps = { readonly self: Self; readonly store: Store };

/**
 * Takes a message back: what is queued becomes a tombstone under the same sequence, and its text leaves the history. A
 * device that has it all the same, because its ack was lost, keeps it. What it changed is again as it was, unless it lies in
 * a mailbox, where they will read it. What it deleted is gone.
 *
 * @returns for how many devices
 */
export function cancelMessage({ self, store }: Deps, messageId: Uint8Array): number {
  return store.transaction(() => {
    const rows = store.outbox.ofMessage(messageId);
    const open = rows.filter((row) => row.state !== "stored" && !row.tombstone);
    for (const row of open) entomb(self, store, row, NO_REASON);
    if (open.length > 0 && open.length === rows.length) {
      if (rows.some(mayBeThere)) store.amendments.settle(messageId);
      else store.amendments.takeBack(messageId);
      cancelChanges({ self, store }, messageId);
      store.history.removeOwn(messageId);
    }
    return open.length;
  });
}

/** Whoever reads that mailbox has the message, or will. */
export function mayBeThere({ state, left }: OutboxRow): boolean {
  return left && (state === "queued" || state === "relayed");
}

/** What was said about it since would tell what it said. That it was taken back goes out. */
function cancelChanges({ self, store }: Deps, target: Uint8Array): void {
  if (store.amendments.of(target).length === 0) return;
  store.amendments.forget(target, self.username);
  for (const row of store.outbox.open()) {
    const change = store.history.findOwn(row.messageId);
    if (row.tombstone || change === undefined || !isAbout(change, target)) continue;
    entomb(self, store, row, NO_REASON);
    store.history.removeOwn(row.messageId);
  }
}

function isAbout({ kind, body }: OwnMessage, target: Uint8Array): boolean {
  const content = decodeContent(kind, body);
  return isChange(content) && content.kind !== "delete" && equalBytes(content.target, target);
}

/** Forgets what was to be kept until now, here and, where it has not left yet, on its way. */
export function forgetExpired({ self, store }: Deps, nowMs: number): readonly OutboxRow[] {
  if (!store.history.isAnyDue(nowMs)) return [];
  return store.transaction(() => {
    const gone = store.history.expire(nowMs);
    for (const one of gone) forgetWhatWasSaid(self, store, one);
    const rows = gone.filter(({ own }) => own).flatMap(({ messageId }) => store.outbox.ofMessage(messageId));
    // Of what was refused a copy waits for another try.
    const open = rows.filter(({ state, tombstone }) => state !== "stored" && !tombstone);
    for (const row of open) entomb(self, store, row, NO_REASON);
    return open;
  });
}

/** Ids are their authors' choice: what was said about another message of the same id stays. */
function forgetWhatWasSaid({ username }: Self, { amendments }: Store, { messageId, kind, own, other }: Expired): void {
  if (kind !== ENVELOPE_KINDS.text) return;
  amendments.forget(messageId, other);
  amendments.forget(messageId, username, own ? undefined : "reaction");
}

/**
 * Gives up what has waited for 30 days: `failed` with TIMED_OUT in history and outbox, a tombstone on its way. For what lies
 * in a mailbox there may be an ack in this device's own: it is not given up before that was read, while there is hope of it.
 */
export function giveUpOld(
  { self, store }: Deps,
  { nowMs, answersRead }: { nowMs: number; answersRead: boolean },
): readonly OutboxRow[] {
  const old = store.outbox.queuedBefore(nowMs - GIVE_UP_AFTER_MS);
  if (old.length === 0) return [];
  const isOver = (row: OutboxRow) => nowMs - row.acceptedAtMs > 2 * GIVE_UP_AFTER_MS;
  const given = old.filter((row) => !row.tombstone && (answersRead || row.relayed === undefined || isOver(row)));
  store.transaction(() => {
    for (const row of given) {
      entomb(self, store, row, givenUp(row));
      store.amendments.settle(row.messageId);
    }
    for (const row of old) if (row.tombstone && isOver(row)) store.outbox.remove(row.id);
  });
  return given;
}

/** They may well have what was left for them: nobody said. */
function givenUp({ left }: OutboxRow): Why {
  return { error: "TIMED_OUT", reason: left ? "unconfirmed" : undefined };
}

/** The same place and link, nothing in it. */
function entomb(self: Self, store: Store, row: OutboxRow, why: Why): void {
  const { envelope } = openEnvelope(row.plaintext);
  const tombstone: Envelope = { ...envelope, kind: ENVELOPE_KINDS.tombstone, body: encodeTombstone() };
  const { device, seq } = row;
  store.outbox.replace(row.id, { device, seq, tombstone: true, ...why, ...sealEnvelope(tombstone, self.deviceKey) });
}
