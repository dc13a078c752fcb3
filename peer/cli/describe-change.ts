import type { KeyChange } from "../messaging/operations/contacts.ts";
import { localTime } from "./instant.ts";

/** What is known of a changed key, and what follows from it, for whoever is asked to accept it. */
export function describeChange(change: KeyChange): string {
  const { pinnedAt, verified, seenAt, issuedAt, oldSeq, newSeq, vouched } = change;
  return [
    `* pinned since ${localTime(pinnedAt)}${verified ? ", and you had compared its safety number" : ""}`,
    `* the new one was seen here first on ${localTime(seenAt)}; its record says ${localTime(issuedAt)}`,
    `* record ${newSeq} in the place of ${oldSeq}; the old key ${vouched ? "vouches" : "does not vouch"} for the new one`,
    ...describeLog(change).map((line) => `* ${line}`),
  ].join("\n");
}

function describeLog({ log }: KeyChange): readonly string[] {
  const { state, oldPosition, newPosition, newest } = log;
  const old = oldPosition === null ? "" : `; the pinned one is entry ${oldPosition}`;
  if (state !== "ok" && state !== "unknown") return [`the log is not to be relied on now (${state})`];
  if (newPosition === null) {
    const why = state === "unknown" ? "could not be asked" : "does not have it: it may be shown to you alone";
    return [`the log ${why}. Do not accept it before you have asked the person`];
  }
  const later = newest ? "" : ", and has a newer one of that name";
  return [
    `the log has it as entry ${newPosition}${later}${old}: everybody is shown it, the owner of the name too`,
    "a lost profile looks like this, and so does a stolen name: only the person can tell",
  ];
}
