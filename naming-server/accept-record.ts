import { encodeBase64url } from "../shared/base64url.ts";
import { utf8 } from "../shared/bytes.ts";
import { ChatError, isChatError } from "../shared/errors.ts";
import { sha256 } from "../shared/hash.ts";
import { type NameRecord, parseNameRecord, verifySelfSigned, verifySuccession } from "../shared/name-record.ts";
import { LIMITS } from "../shared/protocol.ts";
import { skeletonOf, type Username } from "../shared/username.ts";
import { type Admission, type Applicant, termsOf } from "./admission.ts";
import { isMatch } from "./conditions.ts";
import { SERVER_LIMITS } from "./limits.ts";
import type { RecordRow, Restoration, Store, StoredRecord, Terms } from "./storage/store.ts";

export type Acceptance = { readonly outcome: "created" | "updated"; readonly seq: number; readonly hash: string };

type Registry = Admission & {
  readonly store: Store;
  readonly publicUrl: string;
  readonly now: () => number;
  readonly restoration: Restoration | undefined;
};

type Proposal = Applicant & { readonly name: Username; readonly text: string; readonly ifMatch: string | undefined };

/**
 * Takes a name record that authorises itself: the first of a free name, the successor of the newest one, or the newest
 * one again, so that a client may repeat a request until it is answered, whatever its clock says meanwhile.
 *
 * @throws ChatError RECORD_INVALID (reason as `parseNameRecord`, or `name`, `aud`, `rotation`, `recovery`), KEY_INVALID,
 *   SIGNATURE_INVALID, CLOCK_SKEW, RECORD_CONFLICT, USERNAME_TAKEN, USERNAME_CONFUSABLE, KEY_IN_USE, RATE_LIMITED; as
 *   `termsOf`
 */
export async function acceptRecord(registry: Registry, proposal: Proposal): Promise<Acceptance> {
  const { name, text, ifMatch } = proposal;
  const current = await registry.store.findName(name);
  const hash = encodeBase64url(sha256(utf8(text)));
  if (current?.hash === hash) return { outcome: "updated", seq: current.seq, hash };
  const record = parseFor(registry.publicUrl, text);
  checkPlace(record, name, registry.publicUrl);
  checkClock(record, registry);
  if (!isMatch(ifMatch, current?.hash)) throw new ChatError("RECORD_CONFLICT", "the record is not the one of If-Match");
  const row = toRow(record, registry.now());
  const outcome =
    row.seq === 1
      ? await claim(registry, record, row, termsOf(registry, proposal))
      : await follow(registry, current, record, row);
  return { outcome, seq: row.seq, hash };
}

/** Another spelling of the audience, such as one with a trailing slash, is told which is expected, like another server's. */
function parseFor(publicUrl: string, text: string): NameRecord {
  try {
    return parseNameRecord(text);
  } catch (error) {
    throw isChatError(error, "RECORD_INVALID") && error.reason === "aud" ? wrongAudience(publicUrl) : error;
  }
}

function wrongAudience(publicUrl: string): ChatError {
  return new ChatError("RECORD_INVALID", `the audience must be ${publicUrl}`, {
    reason: "aud",
    details: { expectedAudience: publicUrl },
  });
}

function checkPlace({ payload }: NameRecord, name: Username, publicUrl: string): void {
  if (payload.name !== name) {
    throw new ChatError("RECORD_INVALID", "the record is for another name than the path", { reason: "name" });
  }
  if (payload.aud !== publicUrl) throw wrongAudience(publicUrl);
}

/** A later record is bound to its predecessor, so only a first one can be too old. */
function checkClock({ payload }: NameRecord, { now, restoration }: Registry): void {
  const nowMs = now();
  const aheadSeconds = payload.iat - nowMs / 1000;
  const oldest = nowMs / 1000 < (restoration?.until ?? 0) ? (restoration?.since ?? 0) : nowMs / 1000;
  const outdated = payload.seq === 1 && payload.iat < oldest - SERVER_LIMITS.firstRecordMaxAgeSeconds;
  if (aheadSeconds <= LIMITS.clockSkewSeconds && !outdated) return;
  throw new ChatError("CLOCK_SKEW", "the record is not of this time; is the clock right?", {
    details: { serverTime: Math.floor(nowMs / 1000) },
  });
}

async function claim(
  { store }: Registry,
  record: NameRecord,
  row: RecordRow,
  terms: Terms,
): Promise<Acceptance["outcome"]> {
  await verifySelfSigned(record);
  return (await store.createName(row, terms)) === "created" ? "created" : "updated";
}

async function follow(
  { store, allowances }: Registry,
  current: StoredRecord | undefined,
  record: NameRecord,
  row: RecordRow,
): Promise<Acceptance["outcome"]> {
  if (current === undefined) throw new ChatError("RECORD_CONFLICT", "there is no record that this one could follow");
  await verifySuccession(parseNameRecord(current.record), record);
  await store.replaceRecord(row, current.hash, { ...allowances.update, kind: "update", subject: row.name });
  return "updated";
}

function toRow({ payload, hash, jws, devices }: NameRecord, nowMs: number): RecordRow {
  return {
    name: payload.name,
    skeleton: skeletonOf(payload.name),
    identity: payload.identity,
    seq: payload.seq,
    hash,
    record: jws.text,
    devices,
    acceptedAt: Math.floor(nowMs / 1000),
  };
}
