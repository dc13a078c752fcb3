import type { Request, Response } from "express";
import * as z from "zod";
import { claimSchema, historySchema, nameAcceptedSchema, nameRecordTextSchema, nameSchema } from "../../shared/api.ts";
import { encodeBase64url } from "../../shared/base64url.ts";
import { INVITE_HEADER, JOSE_MEDIA_TYPE } from "../../shared/protocol.ts";
import { parseUsername } from "../../shared/username.ts";
import { acceptRecord } from "../accept-record.ts";
import type { Caller } from "../access-tokens.ts";
import { isNotModified } from "../conditions.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { sendEmpty, sendJson, sendText } from "../reply.ts";
import { readBody } from "../request-body.ts";
import type { Services } from "../services.ts";
import { WHOLE_NUMBER } from "../whole-number.ts";
import { encodePlace } from "./log.ts";
import { type Api, readName, readRequest, route, segment, unknownName } from "./route.ts";

/** Authenticated answers: kept by nobody on the way, and asked for again each time by those who keep them. */
const REVALIDATE = "private, no-cache";

const historyQuerySchema = z.object({
  after: z.string().regex(WHOLE_NUMBER).transform(Number).default(0),
});

const RECORD_BODY = { mediaType: JOSE_MEDIA_TYPE, schema: nameRecordTextSchema };

export function nameRoutes(api: Api): void {
  const { services } = api;
  route(api, "/v1/names/:name", {
    get: {
      id: "getName",
      summary: "The newest record of a name, and the live addresses and mailboxes of its devices",
      limit: "lookup",
      headers: { "if-none-match": "the ETag of an earlier answer" },
      answers: {
        200: { what: "the record, the addresses and the mailboxes", body: nameSchema },
        304: { what: "nothing has changed since the answer of that ETag" },
      },
      refusals: ["USERNAME_INVALID", "NAME_UNKNOWN"],
      signedIn: (_caller, req, res) => getName(services, req, res),
    },
    put: {
      id: "putName",
      summary: "Claims a name with its first record, or follows its newest one; the record authorises itself",
      limit: "registration",
      headers: {
        "if-match": "the ETag of the record that this one follows",
        [INVITE_HEADER]: "a code from the operator, for a new name where registration is by invitation",
      },
      body: RECORD_BODY,
      answers: {
        200: { what: "the record follows the one before, or has been taken already", body: nameAcceptedSchema },
        201: { what: "the name is new", body: nameAcceptedSchema },
      },
      refusals: [
        "USERNAME_INVALID",
        "USERNAME_RESERVED",
        "USERNAME_TAKEN",
        "USERNAME_CONFUSABLE",
        "REGISTRATION_CLOSED",
        "INVITE_REQUIRED",
        "INVITE_INVALID",
        "KEY_INVALID",
        "KEY_IN_USE",
        "RECORD_INVALID",
        "RECORD_CONFLICT",
        "SIGNATURE_INVALID",
        "CLOCK_SKEW",
      ],
      open: (req, res) => putName(services, req, res),
    },
  });
  route(api, "/v1/names/:name/history", {
    get: {
      id: "getHistory",
      summary: "Every record of a name, oldest first, in pages",
      limit: "lookup",
      query: historyQuerySchema,
      answers: { 200: { what: "a page of records", body: historySchema } },
      refusals: ["USERNAME_INVALID", "NAME_UNKNOWN"],
      signedIn: (_caller, req, res) => getHistory(services, req, res),
    },
  });
  route(api, "/v1/names/:name/key-packages/claim", {
    post: {
      id: "claimKeyPackages",
      summary: "Takes one key package of each device of a name, never to be handed out again, or its last resort",
      limit: "claim",
      answers: { 200: { what: "one for each device that has any left", body: claimSchema } },
      refusals: ["USERNAME_INVALID", "NAME_UNKNOWN"],
      signedIn: (caller, req, res) => claimKeyPackages(services, caller, req, res),
    },
  });
}

async function getName({ directory }: Services, req: Request, res: Response): Promise<void> {
  const entry = await directory.find(readName(req));
  if (entry === undefined) throw unknownName();
  const headers = { etag: entry.etag, "cache-control": REVALIDATE };
  if (isNotModified(req.headers["if-none-match"], entry.etag)) sendEmpty(res, 304, headers);
  else sendText(res, 200, entry.body, { "content-type": "application/json", ...headers });
}

async function putName(services: Services, req: Request, res: Response): Promise<void> {
  const name = parseUsername(segment(req, "name"));
  const body = await readBody(req, RECORD_BODY);
  const proposal = {
    name,
    text: body.toString("latin1"),
    ifMatch: req.headers["if-match"],
    network: services.networkOf(req),
    invite: req.headers[INVITE_HEADER],
  };
  const { outcome, seq, hash } = await acceptRecord(services, proposal);
  services.directory.forget(name);
  services.presence.poke();
  const place = await services.log.placeOf(name, { seq, hash });
  const log = { ...encodePlace(place), checkpoint: place.checkpoint };
  sendJson(res, outcome === "created" ? 201 : 200, { name, seq, hash, log });
}

async function getHistory({ store }: Services, req: Request, res: Response): Promise<void> {
  const name = readName(req);
  const { after } = readRequest(historyQuerySchema, req.query);
  const limit = SERVER_LIMITS.historyPageRecords;
  const found = await store.listRecords(name, after, limit + 1);
  if (found === undefined) throw unknownName();
  const page = found.slice(0, limit);
  const next = found.length > limit ? (page.at(-1)?.seq ?? null) : null;
  sendJson(res, 200, { name, records: page.map(({ record }) => record), next }, { "cache-control": REVALIDATE });
}

async function claimKeyPackages(
  { store, allowances, now }: Services,
  { username }: Caller,
  req: Request,
  res: Response,
): Promise<void> {
  const name = readName(req);
  const draw = { ...allowances.claim, kind: "claim", subject: `${username} ${name}` } as const;
  const claimed = await store.claimKeyPackages(name, Math.floor(now() / 1000), draw);
  if (claimed === undefined) throw unknownName();
  const keyPackages = claimed.map(({ keyPackage, ...rest }) => ({ ...rest, keyPackage: encodeBase64url(keyPackage) }));
  sendJson(res, 200, { keyPackages });
}
