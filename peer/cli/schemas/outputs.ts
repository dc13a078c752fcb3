import * as z from "zod";
import * as messages from "./messages.ts";
import * as profiles from "./profiles.ts";
import * as sandbox from "./sandbox.ts";
import { count } from "./shape.ts";
import * as tokens from "./tokens.ts";

const nothing = z.strictObject({});

/** What `--json` prints, by `type`, without `v` and `type`. */
export const OUTPUTS = {
  completion: z.strictObject({ shell: z.string(), text: z.string() }),
  contact: profiles.contact,
  "contact-removed": z.strictObject({ username: z.string() }),
  delete: messages.changes.delete,
  doctor: profiles.doctor,
  edit: messages.changes.edit,
  error: messages.error,
  gap: messages.gap,
  inbox: profiles.inbox,
  key: profiles.key,
  "key-audit": profiles.keyAudit,
  "key-change": messages.keyChange,
  "key-rotated": profiles.keyRotated,
  "log-trusted": profiles.logTrusted,
  message: messages.message,
  online: profiles.online,
  outbox: z.strictObject({ items: z.array(messages.outboxItem) }),
  "outbox-cancel": z.strictObject({ cancelled: count, withdrawn: z.boolean() }),
  "outbox-retry": z.strictObject({ retried: count }),
  "passphrase-changed": nothing,
  presence: messages.presence,
  reaction: messages.changes.reaction,
  ready: profiles.ready,
  receipt: messages.receipt,
  record: profiles.record,
  registered: profiles.identity,
  relay: profiles.relay,
  "safety-number": profiles.safetyNumber,
  sandbox: sandbox.started,
  "sandbox-ended": sandbox.ended,
  "sandbox-event": sandbox.event,
  "sandbox-help": z.strictObject({ text: z.string() }),
  "sandbox-sent": sandbox.sent,
  "sandbox-status": sandbox.status,
  schema: z.strictObject({ of: z.string(), schema: z.record(z.string(), z.unknown()) }),
  schemas: z.strictObject({ types: z.array(z.string()) }),
  send: messages.sendResult,
  status: profiles.status,
  token: tokens.token,
  "token-created": tokens.tokenCreated,
  "token-revoked": tokens.token,
  "token-use": tokens.tokenUse,
  trust: profiles.trust,
  typing: messages.typing,
  visibility: profiles.visibility,
  whoami: profiles.identity,
} as const satisfies Readonly<Record<string, z.ZodType>>;

export type OutputType = keyof typeof OUTPUTS;

export const OUTPUT_TYPES = Object.keys(OUTPUTS).filter(isOutputType);

export function isOutputType(text: string): text is OutputType {
  return Object.hasOwn(OUTPUTS, text);
}
