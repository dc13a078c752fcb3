import { equalBytes } from "../../shared/bytes.ts";
import { ChatError, isChatError } from "../../shared/errors.ts";
import { fingerprintOf } from "../../shared/fingerprint.ts";
import { type NameRecord, verifySelfSigned, verifySuccession } from "../../shared/name-record.ts";
import type { Party } from "../../shared/safety-number.ts";

/** Fetches the records after a sequence, oldest first. */
export type History = (after: number) => Promise<readonly NameRecord[]>;

/**
 * Checks a record that nothing is pinned for: it is self-signed, or, after a rotation, the end of a chain that starts
 * with a self-signed record.
 *
 * @throws ChatError SIGNATURE_INVALID, RECORD_INVALID (reason `history` where the chain is not shown)
 */
export async function verifyFirst(record: NameRecord, history: History): Promise<void> {
  if (record.payload.proof === undefined) return verifySelfSigned(record);
  const [first, ...rest] = upTo(record, await history(0));
  if (first === undefined) throw withheld(record);
  await verifySelfSigned(first);
  await verifyChain(first, rest, record);
}

/**
 * Decides whether the pinned key vouches for a record that the server offers: the pinned record itself, or the end of a
 * chain of successors, each signed by the identity key before it or by the recovery key that it committed to.
 *
 * A lower sequence is a rollback, whatever its key, so that nobody is talked into trusting a key that was given up. The
 * same sequence with other bytes is a rollback too, but with another key it is a changed key, which people can judge.
 *
 * @throws ChatError RECORD_ROLLBACK; KEY_CHANGED (details as `keyChanged`) for another key without a chain from the pin;
 *   with the same key SIGNATURE_INVALID, RECORD_CONFLICT, RECORD_INVALID (reason `history` where the chain is not shown)
 */
export async function follow(pinned: NameRecord, offered: NameRecord, history: History): Promise<"same" | "followed"> {
  if (offered.hash === pinned.hash) return "same";
  const sameKey = equalBytes(offered.identity, pinned.identity);
  const ahead = offered.payload.seq - pinned.payload.seq;
  if (ahead < 0 || (ahead === 0 && sameKey)) throw rolledBack(pinned, offered);
  try {
    const chain = ahead > 1 ? upTo(offered, await history(pinned.payload.seq)) : [offered];
    await verifyChain(pinned, chain, offered);
    return "followed";
  } catch (error) {
    if (sameKey || !isVerdict(error)) throw error;
    await verifyOwnSignature(offered);
    throw keyChanged(partyOf(pinned), offered);
  }
}

const isVerdict = (error: unknown) =>
  isChatError(error, "RECORD_CONFLICT", "RECORD_INVALID", "SIGNATURE_INVALID", "KEY_INVALID");

/** A record that not even its own key has signed is garbage, not a changed key. A rotation carries that key's proof. */
async function verifyOwnSignature(offered: NameRecord): Promise<void> {
  if (offered.payload.proof === undefined) await verifySelfSigned(offered);
}

function upTo(record: NameRecord, records: readonly NameRecord[]): readonly NameRecord[] {
  return records.filter(({ payload }) => payload.seq <= record.payload.seq);
}

async function verifyChain(start: NameRecord, chain: readonly NameRecord[], end: NameRecord): Promise<void> {
  let previous = start;
  for (const next of chain) {
    await verifySuccession(previous, next);
    previous = next;
  }
  if (previous.hash !== end.hash) throw withheld(end);
}

function withheld({ payload }: NameRecord): ChatError {
  return new ChatError("RECORD_INVALID", `the server does not show how ${payload.name} came to record ${payload.seq}`, {
    reason: "history",
  });
}

function rolledBack(pinned: NameRecord, offered: NameRecord): ChatError {
  const { name, seq } = pinned.payload;
  return new ChatError(
    "RECORD_ROLLBACK",
    `the server shows an older record of ${name} (${offered.payload.seq}) than the one pinned (${seq})`,
    { details: { pinnedSeq: seq, ...comparison(partyOf(pinned), offered) } },
  );
}

/** `details`: `username`, `oldFingerprint`, `newFingerprint` and the offered record's `seq`. */
export function keyChanged(pinned: Party, offered: NameRecord): ChatError {
  return new ChatError(
    "KEY_CHANGED",
    `the key of ${pinned.username} has changed; compare both fingerprints before you trust it`,
    { details: comparison(pinned, offered) },
  );
}

const partyOf = ({ payload, identity }: NameRecord): Party => ({ username: payload.name, identity });

function comparison(pinned: Party, offered: NameRecord) {
  return {
    username: pinned.username,
    oldFingerprint: fingerprintOf(pinned.identity),
    newFingerprint: fingerprintOf(offered.identity),
    seq: offered.payload.seq,
  };
}
