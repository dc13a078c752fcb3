import * as z from "zod";
import { RELAY_ROLES } from "../../../shared/relay-descriptor.ts";
import type {
  ContactView,
  InboxView,
  KeyChange,
  RecordView,
  TrustResult,
  VerifyResult,
} from "../../messaging/operations/contacts.ts";
import type { KeyAudit, KeyRotation, KeyView, LogKeys, LogState } from "../../messaging/operations/keys.ts";
import type { Identity, OnlinePersonView, Status, VisibilityView } from "../../messaging/operations/status.ts";
import { type Check, VERDICTS } from "../diagnosis/check.ts";
import { count, errorCode, oneOf, shapeOf, time } from "./shape.ts";

const text = z.string();
const texts = z.array(text);
const sequence = z.int().min(1);

const logState = oneOf<LogState>({ ok: true, unknown: true, LOG_FORKED: true, LOG_INVALID: true, LOG_STALE: true });

const identityMembers = { username: text, peerId: text, fingerprint: text, server: text, profile: text };

export const identity = shapeOf<Identity>()(z.strictObject(identityMembers));

export const ready = z.strictObject({ username: text, peerId: text, addresses: texts });

export const relay = z.strictObject({
  peerId: text,
  addresses: texts,
  roles: z.array(z.enum(RELAY_ROLES)),
  metricsUrl: text.exactOptional(),
});

export const contact = shapeOf<ContactView>()(
  z.strictObject({
    username: text,
    fingerprint: text,
    verified: z.boolean(),
    blocked: z.boolean(),
    accepted: z.boolean(),
    keyChanged: z.boolean(),
    seq: sequence,
    devices: texts,
    expireSeconds: count.nullable(),
    readMarks: z.boolean(),
    typing: z.boolean(),
    pinnedAt: time,
  }),
);

export const inbox = shapeOf<InboxView>()(
  z.strictObject({
    mode: z.enum(["open", "requests", "contacts"]),
    requests: z.array(z.strictObject({ username: text, messages: count })),
  }),
);

export const safetyNumber = shapeOf<VerifyResult>()(
  z.strictObject({ username: text, safetyNumber: text.regex(/^\d{60}$/), verified: z.boolean() }),
);

const acceptance = { oldFingerprint: text, newFingerprint: text, accepted: z.boolean() };

const keyChange = shapeOf<KeyChange>()(
  z.strictObject({
    pinnedAt: time,
    verified: z.boolean(),
    seenAt: time,
    issuedAt: time,
    oldSeq: sequence,
    newSeq: sequence,
    vouched: z.boolean(),
    log: z.strictObject({
      state: logState,
      oldPosition: count.nullable(),
      newPosition: count.nullable(),
      newest: z.boolean(),
    }),
  }),
);

export const trust = shapeOf<TrustResult>()(
  z.strictObject({ username: text, ...acceptance, change: keyChange.exactOptional() }),
);

export const logTrusted = shapeOf<LogKeys>()(z.strictObject(acceptance));

export const record = shapeOf<RecordView>()(
  z.strictObject({
    username: text,
    fingerprint: text,
    seq: sequence,
    devices: texts,
    online: z.boolean(),
    pinned: z.boolean(),
  }),
);

export const key = shapeOf<KeyView>()(
  z.strictObject({
    username: text,
    fingerprint: text,
    devices: texts,
    seq: sequence,
    position: count.nullable(),
  }),
);

export const keyRotated = shapeOf<KeyRotation>()(
  z.strictObject({ username: text, oldFingerprint: text, newFingerprint: text, seq: sequence }),
);

export const keyAudit = shapeOf<KeyAudit>()(
  z.strictObject({
    username: text,
    verdict: z.enum(["ok", "bad"]),
    problems: z.array(
      z.strictObject({
        code: errorCode,
        reason: text,
        message: text,
        seq: sequence.exactOptional(),
        index: count.exactOptional(),
        notes: texts.exactOptional(),
      }),
    ),
    records: z.array(
      z.strictObject({
        seq: sequence,
        position: count.nullable(),
        issuedAt: time,
        change: z.enum(["first", "rotation", "recovery", "devices", "other"]),
        fingerprint: text,
        devices: texts,
      }),
    ),
    log: z.strictObject({
      size: count,
      root: text,
      signedAt: time.nullable(),
      stale: z.boolean(),
      forked: z.boolean(),
    }),
  }),
);

const person = shapeOf<OnlinePersonView>()(z.strictObject({ username: text, devices: texts, contact: z.boolean() }));

export const online = z.strictObject({ online: z.array(person) });

export const visibility = shapeOf<VisibilityView>()(z.strictObject({ visible: z.boolean(), published: z.boolean() }));

export const status = shapeOf<Status>()(
  z.strictObject({
    ...identityMembers,
    daemon: z.strictObject({ pid: count, startedAt: time }).nullable(),
    addresses: texts,
    serverState: z.union([z.literal("ok"), errorCode]),
    published: z.boolean(),
    hidden: z.boolean(),
    keyPackages: count.nullable(),
    log: z.strictObject({ size: count, signedAt: time.nullable(), state: logState }),
    outbox: z.strictObject({ queued: count, relayed: count, failed: count }),
    contacts: count,
    connections: count,
    paths: z.strictObject({ direct: count, punched: count, relay: count }),
    relays: z.array(
      z.strictObject({
        relay: text,
        state: z.enum(["connecting", "reserved", "waiting"]),
        since: time,
        error: errorCode.exactOptional(),
      }),
    ),
    mailboxes: z.array(z.strictObject({ relay: text, open: z.boolean() })),
  }),
);

const check = shapeOf<Check>()(
  z.strictObject({
    name: text,
    verdict: z.enum(VERDICTS),
    message: text,
    advice: text.exactOptional(),
    code: errorCode.exactOptional(),
  }),
);

export const doctor = z.strictObject({ verdict: z.enum(VERDICTS), checks: z.array(check) });
