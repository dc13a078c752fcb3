import * as z from "zod";
import { ChatError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/protocol.ts";
import type { OperationName, Operations } from "../messaging/operations.ts";
import { isConsumerName } from "./consumer-name.ts";
import { isOperationName } from "./operation-names.ts";

/** Longer than anything that the rules accept; they judge the content. */
const word = z.string().min(1).max(256);
const text = z.string().max(64 * 1024);
const DAY_MS = 24 * 3_600_000;

const seconds = z.int().min(1).max(LIMITS.textLifetimeMaxSeconds);
const waiting = {
  wait: z.enum(["queued", "relayed", "stored", "displayed"]),
  timeoutMs: z.int().min(0).max(DAY_MS),
};

const named = z.strictObject({ username: word });
const nothing = z.strictObject({});

/** What each method takes over the socket. */
const PARAMS = {
  send: z.strictObject({
    to: word,
    text,
    ...waiting,
    id: word.exactOptional(),
    replyTo: word.exactOptional(),
    expireSeconds: seconds.exactOptional(),
  }),
  history: z.strictObject({
    with: word,
    limit: z.int().min(1).exactOptional(),
    since: z.iso.datetime().exactOptional(),
    before: z.iso.datetime().exactOptional(),
    olderThan: z.int().min(1).exactOptional(),
    search: text.exactOptional(),
  }),
  outboxList: nothing,
  outboxRetry: z.strictObject({ id: word.exactOptional() }),
  outboxCancel: z.strictObject({ id: word }),
  contactsList: nothing,
  contactsShow: named,
  contactsRemove: named,
  contactsBlock: z.strictObject({ username: word, blocked: z.boolean() }),
  verify: z.strictObject({ username: word, number: word.exactOptional() }),
  trust: z.strictObject({ username: word, accept: word.exactOptional() }),
  lookup: named,
  keyAudit: named,
  keyShow: nothing,
  keyRotate: nothing,
  keyTrustLog: z.strictObject({ accept: word.exactOptional() }),
  online: nothing,
  visibility: z.strictObject({ visible: z.boolean().exactOptional() }),
  status: nothing,
  whoami: nothing,
  edit: z.strictObject({ ...waiting, id: word, text }),
  remove: z.strictObject({ ...waiting, id: word }),
  react: z.strictObject({ ...waiting, id: word, emoji: z.string().max(256) }),
  markRead: z.strictObject({ with: word }),
  typing: z.strictObject({ to: word }),
  contactsAccept: named,
  contactsSet: z.strictObject({
    username: word,
    expireSeconds: seconds.nullable().exactOptional(),
    readMarks: z.boolean().exactOptional(),
    typing: z.boolean().exactOptional(),
  }),
  outboxWait: z.strictObject({ ...waiting, id: word }),
  inbox: z.strictObject({ mode: z.enum(["open", "requests", "contacts"]).exactOptional() }),
  diagnose: nothing,
  tokenCreate: z.strictObject({
    can: z.array(word).max(256),
    rate: word.exactOptional(),
    expireSeconds: seconds.exactOptional(),
    name: word.exactOptional(),
  }),
  tokenList: nothing,
  tokenRevoke: z.strictObject({ token: word }),
  tokenLog: z.strictObject({ token: word.exactOptional(), limit: z.int().min(1).max(10_000).exactOptional() }),
} satisfies { [Name in OperationName]: z.ZodType<ParamsOf<Name>> };

type ParamsOf<Name extends OperationName> =
  Parameters<Operations[Name]> extends [infer Params] ? Params : Record<string, never>;

/**
 * An operation on the word of another process, which has not begun.
 *
 * @throws ChatError NOT_FOUND (no such method), REQUEST_INVALID
 */
export function readCall(operations: Operations, method: string, params: unknown): () => Promise<unknown> {
  if (!isOperationName(method)) throw new ChatError("NOT_FOUND", "no such method", { reason: "method" });
  const schema: z.ZodType = PARAMS[method];
  const checked = check(schema, params);
  // The table above pairs each method with the schema of its own parameters.
  const operation = operations[method] as (params: unknown) => Promise<unknown>;
  return () => operation.call(operations, checked);
}

const subscription = z.strictObject({
  since: z.int().min(0).exactOptional(),
  receipts: z.boolean().exactOptional(),
  typing: z.boolean().exactOptional(),
});

/** @throws ChatError REQUEST_INVALID */
export function readSubscription(params: unknown): z.infer<typeof subscription> {
  return check(subscription, params);
}

const consumption = z.strictObject({
  consumer: z.string().refine(isConsumerName, "up to 64 letters, digits, dots, dashes and underscores").exactOptional(),
  since: z.union([z.int().min(0), z.literal("now")]).exactOptional(),
  receipts: z.boolean().exactOptional(),
  typing: z.boolean().exactOptional(),
});

/** @throws ChatError REQUEST_INVALID */
export function readConsumption(params: unknown): z.infer<typeof consumption> {
  return check(consumption, params);
}

const authentication = z.strictObject({ token: word });

/** @throws ChatError REQUEST_INVALID */
export function readAuthentication(params: unknown): z.infer<typeof authentication> {
  return check(authentication, params);
}

const cursor = z.int().min(0);
/** More than a reader that is ours ever keeps. */
const AHEAD_MAX = 1024;
const acknowledgement = z.strictObject({
  cursor,
  ahead: z
    .strictObject({
      done: z.array(z.tuple([cursor, cursor])).max(AHEAD_MAX),
      failed: z.array(z.strictObject({ cursor, gap: z.boolean(), failures: z.int().min(1) })).max(AHEAD_MAX),
    })
    .exactOptional(),
});

/** @throws ChatError REQUEST_INVALID */
export function readAcknowledgement(params: unknown): z.infer<typeof acknowledgement> {
  return check(acknowledgement, params);
}

function check<T>(schema: z.ZodType<T>, params: unknown): T {
  const { data, error } = schema.safeParse(params ?? {});
  if (error) throw new ChatError("REQUEST_INVALID", z.prettifyError(error), { reason: "params" });
  return data;
}
