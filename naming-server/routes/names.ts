import type { IRouter, Request, Response } from "express";
import * as z from "zod";
import { encodeBase64url } from "../../shared/base64url.ts";
import { JOSE_MEDIA_TYPE } from "../../shared/protocol.ts";
import { parseUsername } from "../../shared/username.ts";
import { acceptRecord } from "../accept-record.ts";
import { isNotModified } from "../conditions.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { sendEmpty, sendJson, sendText } from "../reply.ts";
import { readBody } from "../request-body.ts";
import type { Services } from "../services.ts";
import { readName, readRequest, route, segment, signedIn, unknownName } from "./route.ts";

/** Authenticated answers: kept by nobody on the way, and asked for again each time by those who keep them. */
const REVALIDATE = "private, no-cache";

const historyQuerySchema = z.object({
  after: z
    .string()
    .regex(/^(0|[1-9]\d{0,14})$/)
    .transform(Number)
    .default(0),
});

export function nameRoutes(router: IRouter, services: Services): void {
  route(router, "/v1/names/:name", {
    get: signedIn(services, (_caller, req, res) => getName(services, req, res)),
    put: (req, res) => putName(services, req, res),
  });
  route(router, "/v1/names/:name/history", {
    get: signedIn(services, (_caller, req, res) => getHistory(services, req, res)),
  });
  route(router, "/v1/names/:name/key-packages/claim", {
    post: signedIn(services, (_caller, req, res) => claimKeyPackages(services, req, res)),
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
  const body = await readBody(req, { mediaType: JOSE_MEDIA_TYPE });
  const proposal = { name, text: body.toString("latin1"), ifMatch: req.headers["if-match"] };
  const { outcome, seq, hash } = await acceptRecord(services, proposal);
  services.directory.forget(name);
  sendJson(res, outcome === "created" ? 201 : 200, { name, seq, hash });
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

async function claimKeyPackages({ store, now }: Services, req: Request, res: Response): Promise<void> {
  const claimed = await store.claimKeyPackages(readName(req), Math.floor(now() / 1000));
  if (claimed === undefined) throw unknownName();
  const keyPackages = claimed.map(({ keyPackage, ...rest }) => ({ ...rest, keyPackage: encodeBase64url(keyPackage) }));
  sendJson(res, 200, { keyPackages });
}
