import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { openDatabase } from "../../peer/history/database.ts";
import { RELAY_LIMITS, type RelayLimits } from "../../peer/relay/limits.ts";
import { Mailbox } from "../../peer/relay/mailbox.ts";
import { MAILBOX_MIGRATIONS } from "../../peer/relay/mailbox-schema.ts";
import { privateKeyObject, rawPublicKey } from "../../shared/ed25519.ts";
import type { ChatError } from "../../shared/errors.ts";
import { makeToken } from "../../shared/mailbox-token.ts";
import { PARCEL_BUCKETS } from "../../shared/protocol.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const START_MS = 1_800_000_000_000;

export type TestMailbox = {
  readonly mailbox: Mailbox;
  /** Both clocks move together, unless a test moves one. */
  readonly clock: { nowMs: number; monotonicMs?: number };
  readonly failures: ChatError[];
  readonly directory: string;
  close(): void;
};

/** A mailbox over a database of its own, or the one in `directory`. */
export function openTestMailbox(
  limits: Partial<RelayLimits> = {},
  {
    directory = temporaryDirectory(),
    clock = { nowMs: START_MS },
  }: Partial<Pick<TestMailbox, "directory" | "clock">> = {},
): TestMailbox {
  const database = openDatabase(join(directory, "mailbox.db"), { migrations: MAILBOX_MIGRATIONS });
  const failures: ChatError[] = [];
  const mailbox = new Mailbox({
    database,
    limits: { ...RELAY_LIMITS, ...limits },
    runtime: { now: () => clock.nowMs, monotonic: () => clock.monotonicMs ?? clock.nowMs },
    failed: (error) => failures.push(error),
  });
  onTestFinished(() => database.close());
  return { mailbox, clock, failures, directory, close: () => database.close() };
}

/** An owner with a box, and tokens for it. */
export function newBox(seed: Uint8Array = randomBytes(32)) {
  const key = privateKeyObject(seed);
  const tokenKey = new Uint8Array(randomBytes(32));
  return {
    key,
    box: rawPublicKey(key),
    tokenKey,
    contacts: { key, box: rawPublicKey(key), kind: "contacts", tokenKey },
    requests: { key, box: rawPublicKey(key), kind: "requests", tokenKey: null },
    token: () => makeToken(tokenKey, randomBytes(16)),
  } as const;
}

/** No two alike. */
export function newParcel(size: (typeof PARCEL_BUCKETS)[number] = PARCEL_BUCKETS[0]): Uint8Array {
  return new Uint8Array(randomBytes(size));
}

/** The places of all that lies in a box. */
export function placesIn({ mailbox }: TestMailbox, box: Uint8Array): number[] {
  return mailbox.page(box, { after: 0, maxBytes: 2 ** 24 }).parcels.map(({ place }) => place);
}
