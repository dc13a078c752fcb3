import { isChatError } from "../../../shared/errors.ts";
import { type NameRecord, parseNameRecord, verifySuccession } from "../../../shared/name-record.ts";
import { isoTime } from "../feed/message-view.ts";
import type { MessengerDeps } from "../messenger.ts";
import type { KeyChange } from "../operations/contacts.ts";
import type { LogState } from "../operations/keys.ts";
import type { Contact } from "../ports/contacts.ts";
import { viewLog } from "./key-operations.ts";
import { logCodeOf } from "./log-watch.ts";

const PATIENCE_MS = 10_000;

type Changed = Contact & { readonly changed: NonNullable<Contact["changed"]> };

/** What speaks for the new key of a contact and what against it, the log's word included where it can be had. */
export async function describeChange(deps: MessengerDeps, contact: Changed): Promise<KeyChange> {
  const { changed, pinnedAtMs, verified } = contact;
  const pinned = parseNameRecord(contact.record);
  const offered = parseNameRecord(changed.record);
  const state = await askLog(deps);
  const logged = deps.keyLog.recordsOf(contact.username);
  const positionOf = ({ hash }: NameRecord) => logged.find((entry) => entry.hash === hash)?.index ?? null;
  return {
    pinnedAt: isoTime(pinnedAtMs),
    verified,
    seenAt: isoTime(changed.seenAtMs),
    issuedAt: isoTime(offered.payload.iat * 1000),
    oldSeq: pinned.payload.seq,
    newSeq: offered.payload.seq,
    vouched: await vouchesFor(pinned, offered),
    log: {
      state,
      oldPosition: positionOf(pinned),
      newPosition: positionOf(offered),
      newest: logged.at(-1)?.hash === offered.hash,
    },
  };
}

/** An old copy would say of a new record that it is missing: `unknown` where there is no fresh one. */
async function askLog(deps: MessengerDeps): Promise<LogState> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  try {
    await deps.keyLog.sync({ signal });
  } catch (error) {
    if (!isChatError(error)) throw error;
    if (logCodeOf(error) === undefined) return "unknown";
  }
  return (await viewLog(deps, signal)).state;
}

async function vouchesFor(pinned: NameRecord, offered: NameRecord): Promise<boolean> {
  try {
    await verifySuccession(pinned, offered);
    return true;
  } catch (error) {
    if (!isChatError(error)) throw error;
    return false;
  }
}
