import * as z from "zod";
import { decodeBase64url } from "./base64url.ts";
import { ERROR_CODES } from "./errors.ts";
import { JWS_ALGORITHM, LIMITS } from "./protocol.ts";
import { base64urlOf, deviceIdSchema, parsed, sequence, unixSeconds, usernameSchema } from "./schemas.ts";

/*
 * Bodies of the naming server's REST interface, version 1: one schema each, used by the server and by its clients.
 * Requests are strict; clients ignore members of answers that they do not know, so answers may grow. PROTOCOL.md 3.
 */

const jws = z.string().max(LIMITS.nameRecordMaxBytes);

const keyPackageSchema = z
  .string()
  .min(1)
  .max(Math.ceil((LIMITS.keyPackageMaxBytes * 4) / 3))
  .pipe(parsed((text) => decodeBase64url(text)));

/** Body of `PUT /v1/names/{name}` and of `PUT /v1/devices/{peerId}/addresses`: a compact JWS. */
export const nameRecordTextSchema = jws;
export const addressRecordTextSchema = z.string().max(LIMITS.addressRecordMaxBytes);

/** Body of `PUT /v1/devices/{peerId}/mailbox` and of `PUT /v1/relays/{peerId}`: a compact JWS. */
export const mailboxRecordTextSchema = z.string().max(LIMITS.mailboxRecordMaxBytes);
export const relayDescriptorTextSchema = z.string().max(LIMITS.relayDescriptorMaxBytes);

const wholeNumber = z.int().min(0);
/** As long as a proof in a tree of 2^53 leaves may be. */
const proof = z.array(base64urlOf(32).pipe(parsed((text) => decodeBase64url(text)))).max(54);

/** `GET /v1/log/inclusion?index=&size=`: leaf `index` is in the tree of the first `size` leaves. */
export const logPlaceSchema = z.object({ index: wholeNumber, size: wholeNumber, proof });

/** `GET /v1/log/consistency?from=&to=` */
export const consistencySchema = z.object({ from: wholeNumber, to: wholeNumber, proof });

/** `GET /v1/log/entries?start=`: full pages of `LIMITS.logPageEntries`, then what is left, then none. */
export const logEntriesSchema = z.object({
  start: wholeNumber,
  entries: z.array(parsed((text) => decodeBase64url(text))).max(LIMITS.logPageEntries),
});

/** `PUT /v1/names/{name}`: the record as stored, and the checkpoint that covers it. */
export const nameAcceptedSchema = z.object({
  name: usernameSchema,
  seq: sequence,
  hash: base64urlOf(32),
  log: logPlaceSchema.extend({ checkpoint: z.string().max(LIMITS.noteMaxBytes) }),
});

/** `GET /v1/names/{name}`: the newest record, its place in the log, and the live address and mailbox records of its devices. */
export const nameSchema = z.object({
  name: usernameSchema,
  record: jws,
  log: logPlaceSchema,
  addresses: z.array(z.object({ device: deviceIdSchema, record: jws })),
  mailboxes: z.array(z.object({ device: deviceIdSchema, record: mailboxRecordTextSchema })).default([]),
});

/** `PUT /v1/relays/{peerId}`: the descriptor as taken. */
export const relayAcceptedSchema = z.object({ relay: deviceIdSchema, seq: sequence, exp: unixSeconds });

/** `GET /v1/relays`: live descriptors, in no order that means anything. */
export const relaysSchema = z.object({ relays: z.array(relayDescriptorTextSchema).max(LIMITS.relaysMax) });

/** `GET /v1/names/{name}/history?after=<seq>`: oldest first; `next` is the `after` of the next page, null at the end. */
export const historySchema = z.object({ name: usernameSchema, records: z.array(jws), next: sequence.nullable() });

/** `POST /v1/token`, form-encoded (RFC 6749 4.4, RFC 7523 2.2). */
export const tokenRequestSchema = z.strictObject({
  grant_type: z.literal("client_credentials"),
  client_assertion_type: z.literal("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
  client_assertion: z.string().max(4096),
  /** OAuth libraries send it along; it must say what the assertion says (RFC 7521 4.2). */
  client_id: z.string().max(64).optional(),
});

export const tokenSchema = z.object({
  access_token: z.string().max(4096),
  token_type: z.literal("Bearer"),
  expires_in: z.int().positive(),
});

/** `POST /v1/devices/{peerId}/key-packages`; an empty list asks how many are left. */
export const keyPackageUploadSchema = z.strictObject({
  keyPackages: z.array(keyPackageSchema).max(LIMITS.keyPackagesPerDevice),
  lastResort: keyPackageSchema.optional(),
});

export const keyPackageCountSchema = z.object({ count: z.int().min(0), lastResort: z.boolean() });

/** `POST /v1/names/{name}/key-packages/claim`: one for each device that has any left. */
export const claimSchema = z.object({
  keyPackages: z.array(z.object({ device: deviceIdSchema, keyPackage: keyPackageSchema, lastResort: z.boolean() })),
});

const onlineSchema = z.array(z.object({ name: usernameSchema, devices: z.array(deviceIdSchema) }));

/** `GET /v1/presence`. */
export const presenceSchema = z.object({ online: onlineSchema, at: unixSeconds });

/** `GET /v1/presence/events`: the data of each event, by its name. */
export const presenceEventSchemas = {
  list: z.object({ online: onlineSchema }),
  changes: z.object({
    changes: z.array(z.object({ name: usernameSchema, device: deviceIdSchema, online: z.boolean() })),
  }),
  end: z.object({ reason: z.string() }),
} as const;

export type PresenceEvent<Name extends keyof typeof presenceEventSchemas> = z.infer<
  (typeof presenceEventSchemas)[Name]
>;

/** `GET /.well-known/jwks.json` (RFC 7517, RFC 8037). */
export const jwksSchema = z.object({
  keys: z.array(
    z.object({
      kty: z.literal("OKP"),
      crv: z.literal("Ed25519"),
      x: base64urlOf(32),
      kid: base64urlOf(32),
      alg: z.literal(JWS_ALGORITHM),
      use: z.literal("sig"),
    }),
  ),
});

/** `GET /healthz` and `GET /readyz`. */
export const healthSchema = z.object({ status: z.literal("ok") });

/** Problem details (RFC 9457) with a stable code, a reason that narrows it, and facts that the code promises. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  code: z.enum(ERROR_CODES),
  reason: z.string().optional(),
  /** With CLOCK_SKEW, and where an address record is out of time. */
  serverTime: unixSeconds.optional(),
  /** With reason `aud`: how the server spells its public URL. */
  expectedAudience: z.string().optional(),
});

export type Problem = z.infer<typeof problemSchema>;

export const PROBLEM_MEDIA_TYPE = "application/problem+json";
