import type { Request, Response } from "express";
import { relayAcceptedSchema, relayDescriptorTextSchema, relaysSchema } from "../../shared/api.ts";
import { ChatError } from "../../shared/errors.ts";
import { JOSE_MEDIA_TYPE, LIMITS } from "../../shared/protocol.ts";
import { verifyRelayDescriptor } from "../../shared/relay-descriptor.ts";
import { isWithinReach, relayReachAt } from "../../shared/relay-reach.ts";
import { isNotModified } from "../conditions.ts";
import { isAdmitted } from "../relay-list.ts";
import { sendEmpty, sendJson, sendText } from "../reply.ts";
import { readBody } from "../request-body.ts";
import type { Services } from "../services.ts";
import { type Api, route, segment } from "./route.ts";

const DESCRIPTOR_BODY = { mediaType: JOSE_MEDIA_TYPE, schema: relayDescriptorTextSchema };

/** Volunteers' relays. They have no names here, so that none of their users' is needed to offer one. */
export function relayRoutes(api: Api): void {
  const { services } = api;
  route(api, "/v1/relays", {
    get: {
      id: "listRelays",
      summary: "The relays that offer themselves to the users of this server",
      limit: "presence",
      headers: { "if-none-match": "the ETag of an earlier answer" },
      answers: {
        200: { what: "a signed descriptor of each", body: relaysSchema },
        304: { what: "nothing has changed since the answer of that ETag" },
      },
      refusals: [],
      signedIn: (_caller, req, res) => getRelays(services, req, res),
    },
  });
  route(api, "/v1/relays/:relay", {
    put: {
      id: "putRelay",
      summary: "Lists a relay while its descriptor lives, or takes it off the list; the descriptor authorises itself",
      limit: "relay",
      body: DESCRIPTOR_BODY,
      answers: { 200: { what: "the descriptor is taken, or has been already", body: relayAcceptedSchema } },
      refusals: [
        "FORBIDDEN",
        "RECORD_INVALID",
        "RECORD_EXPIRED",
        "RECORD_CONFLICT",
        "SIGNATURE_INVALID",
        "RELAYS_FULL",
      ],
      open: (req, res) => putRelay(services, req, res),
    },
  });
}

async function getRelays({ relays }: Services, req: Request, res: Response): Promise<void> {
  const { body, etag } = await relays.read();
  const headers = { etag, "cache-control": "private, no-cache" };
  if (isNotModified(req.headers["if-none-match"], etag)) sendEmpty(res, 304, headers);
  else sendText(res, 200, body, { "content-type": "application/json", ...headers });
}

async function putRelay(
  { store, relays, relayAdmission, publicUrl, now }: Services,
  req: Request,
  res: Response,
): Promise<void> {
  const body = await readBody(req, DESCRIPTOR_BODY);
  const rules = { nowMs: now(), audience: publicUrl };
  const { text, payload } = await verifyRelayDescriptor(body.toString("latin1"), rules);
  const { relay, seq, exp, addrs } = payload;
  if (relay !== segment(req, "relay")) {
    throw new ChatError("RECORD_INVALID", "the descriptor is another relay's", { reason: "relay" });
  }
  if (!isAdmitted(relayAdmission, relay))
    throw new ChatError("FORBIDDEN", "this naming server does not list this relay");
  const near = addrs.find((address) => !isWithinReach(address, relayReachAt(publicUrl)));
  if (near !== undefined) {
    throw new ChatError("RECORD_INVALID", `${near} is no address that users of ${publicUrl} could dial`, {
      reason: "scope",
    });
  }
  const at = Math.floor(rules.nowMs / 1000);
  const row = { relay, seq, expires: exp, record: text, isWithdrawn: addrs.length === 0, at };
  await store.putRelay(row, LIMITS.relaysMax);
  relays.forget();
  sendJson(res, 200, { relay, seq, exp });
}
