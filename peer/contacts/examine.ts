import { equalBytes } from "../../shared/bytes.ts";
import { ChatError, isChatError } from "../../shared/errors.ts";
import { type NameRecord, parseNameRecord } from "../../shared/name-record.ts";
import type { Party } from "../../shared/safety-number.ts";
import type { Username } from "../../shared/username.ts";
import type { Contact, ContactStore } from "../messaging/ports/contacts.ts";
import type { KeyLog } from "../messaging/ports/key-log.ts";
import type { NameAnswer } from "../messaging/ports/naming-server.ts";
import { follow, keyChanged, verifyFirst } from "./follow.ts";
import { assertLogged, assertNotSuperseded } from "./logged.ts";
import { assertUnchanged, movePin, noteChange, pin, updatePin } from "./pin.ts";
import { isServerUnusable, type Records } from "./records.ts";

/** What a look-up came to: the server's answer, or why it could not be asked and the pin stands in. */
export type Finding = Stale | { readonly contact: Contact; readonly answer: NameAnswer; readonly stale?: undefined };
type Stale = { readonly contact: Contact; readonly answer?: undefined; readonly stale: ChatError };

export type Examining = {
  readonly records: Records;
  readonly contacts: ContactStore;
  readonly log: KeyLog;
  readonly now: () => number;
};

/**
 * Looks a name up. A contact's pin is moved to where the pinned key vouches for; nobody new is stored.
 *
 * @throws ChatError as `Resolver.resolve`
 */
export async function examine(deps: Examining, username: Username): Promise<Finding> {
  try {
    return await examineOnce(deps, username);
  } catch (error) {
    // The record may have been replaced between the two questions.
    if (!isChatError(error, "RECORD_ROLLBACK") || error.reason !== "log") throw error;
    return examineOnce(deps, username);
  }
}

async function examineOnce(deps: Examining, username: Username): Promise<Finding> {
  const { records, contacts, log, now } = deps;
  const pinned = contacts.find(username);
  const answer = await askOr(records, username, pinned);
  if ("stale" in answer) return answer;
  assertFree(contacts, answer.record);
  if (pinned !== undefined) return followOr(deps, pinned, answer);
  await verifyFirst(answer.record, records.historyOf(username));
  await assertLogged(log, answer.record);
  return { contact: pin(answer, now()), answer };
}

/** Looks this profile's own name up: held to its own key, never stored. */
export async function examineSelf(
  { records, now }: Pick<Examining, "records" | "now">,
  own: Party,
  known: Contact | undefined,
): Promise<Finding> {
  const answer = await askOr(records, own.username, known);
  if ("stale" in answer) return answer;
  await verifyFirst(answer.record, records.historyOf(own.username));
  if (!equalBytes(answer.record.identity, own.identity)) throw keyChanged(own, answer.record);
  return { contact: { ...pin(answer, now()), verified: true, accepted: true }, answer };
}

async function askOr(records: Records, username: Username, known: Contact | undefined): Promise<NameAnswer | Stale> {
  try {
    return await records.ask(username);
  } catch (error) {
    if (known === undefined || !isServerUnusable(error)) throw error;
    assertUnchanged(known);
    return { contact: known, stale: error };
  }
}

/** A device belongs to one name; a server that lets two list it would have one person's messages shown as another's. */
function assertFree(contacts: ContactStore, { payload, devices }: NameRecord): void {
  for (const device of devices) {
    const owner = contacts.findByDevice(device)?.username ?? payload.name;
    if (owner === payload.name) continue;
    throw new ChatError("RECORD_INVALID", `${payload.name} lists a device of ${owner}`, { reason: "device" });
  }
}

/** A server that shows a record and not its log is one that cannot be used. */
async function followOr(deps: Examining, pinned: Contact, answer: NameAnswer): Promise<Finding> {
  try {
    return { contact: await followFrom(deps, pinned, answer), answer };
  } catch (error) {
    if (!isServerUnusable(error)) throw error;
    assertUnchanged(pinned);
    return { contact: pinned, stale: error };
  }
}

async function followFrom(deps: Examining, pinned: Contact, answer: NameAnswer): Promise<Contact> {
  const { records, contacts, log, now } = deps;
  try {
    const history = records.historyOf(pinned.username);
    const outcome = await follow(parseNameRecord(pinned.record), answer.record, history);
    if (outcome === "same") assertUnchanged(pinned);
    await (outcome === "same" ? assertNotSuperseded : assertLogged)(log, answer.record);
    return updatePin(contacts, pinned, (contact) => movePin(contact, answer));
  } catch (error) {
    if (isChatError(error, "KEY_CHANGED") && pinned.record !== answer.record.jws.text) {
      noteChange(contacts, pinned, answer.record, now());
    }
    throw error;
  }
}
