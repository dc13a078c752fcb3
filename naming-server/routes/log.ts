import type { Request, Response } from "express";
import * as z from "zod";
import { consistencySchema, logEntriesSchema, logPlaceSchema } from "../../shared/api.ts";
import { encodeBase64url } from "../../shared/base64url.ts";
import { LIMITS } from "../../shared/protocol.ts";
import { SERVER_LIMITS } from "../limits.ts";
import type { Place, TransparencyLog } from "../log/transparency-log.ts";
import { sendJson, sendText } from "../reply.ts";
import { WHOLE_NUMBER } from "../whole-number.ts";
import { type Api, readRequest, route } from "./route.ts";

const FOR_EVER = { "cache-control": "public, max-age=31536000, immutable" };
const FOR_NOW = { "cache-control": "public, max-age=1" };
const MEDIA_TYPE = "text/plain; charset=utf-8";

const wholeNumber = z.string().regex(WHOLE_NUMBER).transform(Number);
const entriesQuerySchema = z.strictObject({ start: wholeNumber });
const inclusionQuerySchema = z.strictObject({ index: wholeNumber, size: wholeNumber });
const consistencyQuerySchema = z.strictObject({ from: wholeNumber, to: wholeNumber });

/** Open to everyone, and the same for everyone: what two people are shown here can be held against each other. */
export function logRoutes(api: Api): void {
  const { log } = api.services;
  route(api, "/v1/log/checkpoint", {
    get: {
      id: "getCheckpoint",
      summary: "The newest signed checkpoint of the log (c2sp.org/tlog-checkpoint)",
      limit: "log",
      answers: { 200: { what: "a signed note", body: z.string(), mediaType: MEDIA_TYPE } },
      refusals: [],
      open: async (_req, res) => sendNote(res, (await log.latest()).note, FOR_NOW),
    },
  });
  route(api, "/v1/log/key", {
    get: {
      id: "getLogKey",
      summary: "The key that signs checkpoints, as a verifier key of c2sp.org/signed-note",
      limit: "log",
      answers: { 200: { what: "one line", body: z.string(), mediaType: MEDIA_TYPE } },
      refusals: [],
      open: (_req, res) => {
        const cacheControl = `public, max-age=${SERVER_LIMITS.jwksMaxAgeSeconds}`;
        sendNote(res, `${log.verifier}\n`, { "cache-control": cacheControl });
      },
    },
  });
  proofRoutes(api, log);
}

function proofRoutes(api: Api, log: TransparencyLog): void {
  route(api, "/v1/log/entries", {
    get: {
      id: "listLogEntries",
      summary: `A page of the log's entries, ${LIMITS.logPageEntries} of them where there are so many`,
      limit: "log",
      query: entriesQuerySchema,
      answers: { 200: { what: "hash of the name and hash of the record, 64 bytes each", body: logEntriesSchema } },
      refusals: [],
      open: (req, res) => sendEntries(log, req, res),
    },
  });
  route(api, "/v1/log/inclusion", {
    get: {
      id: "proveInclusion",
      summary: "Proof that the tree of a size holds an entry at its place (RFC 6962 2.1.1)",
      limit: "log",
      query: inclusionQuerySchema,
      answers: { 200: { what: "the proof", body: logPlaceSchema } },
      refusals: [],
      open: async (req, res) => {
        const { index, size } = readRequest(inclusionQuerySchema, req.query);
        await log.latest();
        sendJson(res, 200, encodePlace(log.inclusion(index, size)), FOR_EVER);
      },
    },
  });
  route(api, "/v1/log/consistency", {
    get: {
      id: "proveConsistency",
      summary: "Proof that the tree of a size begins with that of an earlier one (RFC 6962 2.1.2)",
      limit: "log",
      query: consistencyQuerySchema,
      answers: { 200: { what: "the proof", body: consistencySchema } },
      refusals: [],
      open: async (req, res) => {
        const { from, to } = readRequest(consistencyQuerySchema, req.query);
        await log.latest();
        sendJson(res, 200, { from, to, proof: log.consistency(from, to).map(encodeBase64url) }, FOR_EVER);
      },
    },
  });
}

/** A page that is full holds the same entries for ever. */
async function sendEntries(log: TransparencyLog, req: Request, res: Response): Promise<void> {
  const { start } = readRequest(entriesQuerySchema, req.query);
  const entries = await log.entries(start);
  const headers = entries.length === LIMITS.logPageEntries ? FOR_EVER : FOR_NOW;
  sendJson(res, 200, { start, entries: entries.map(encodeBase64url) }, headers);
}

function sendNote(res: Response, text: string, headers: Readonly<Record<string, string>>): void {
  sendText(res, 200, text, { "content-type": MEDIA_TYPE, ...headers });
}

/** As it travels, in answers about names too. */
export function encodePlace({ index, size, proof }: Place): z.input<typeof logPlaceSchema> {
  return { index, size, proof: proof.map(encodeBase64url) };
}
