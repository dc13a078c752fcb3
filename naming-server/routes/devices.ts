import type { Request, Response } from "express";
import { verifyAddressRecord } from "../../shared/address-record.ts";
import {
  addressRecordTextSchema,
  keyPackageCountSchema,
  keyPackageUploadSchema,
  mailboxRecordTextSchema,
} from "../../shared/api.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError } from "../../shared/errors.ts";
import { verifyMailboxRecord } from "../../shared/mailbox-record.ts";
import { JOSE_MEDIA_TYPE } from "../../shared/protocol.ts";
import { parseStrictJson } from "../../shared/strict-json.ts";
import type { Username } from "../../shared/username.ts";
import type { Caller } from "../access-tokens.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { sendEmpty, sendJson } from "../reply.ts";
import { readBody } from "../request-body.ts";
import type { Services } from "../services.ts";
import { type Api, readRequest, route, type SignedInHandler, segment } from "./route.ts";

const ADDRESS_BODY = { mediaType: JOSE_MEDIA_TYPE, schema: addressRecordTextSchema };
const MAILBOX_BODY = { mediaType: JOSE_MEDIA_TYPE, schema: mailboxRecordTextSchema };
const KEY_PACKAGE_BODY = {
  mediaType: "application/json",
  maxBytes: SERVER_LIMITS.keyPackageUploadMaxBytes,
  schema: keyPackageUploadSchema,
};

export function deviceRoutes(api: Api): void {
  const { services } = api;
  route(api, "/v1/devices/:device/addresses", {
    put: {
      id: "publishAddresses",
      summary: "Publishes the caller's address record: the device is online while it lives",
      limit: "write",
      body: ADDRESS_BODY,
      answers: { 204: { what: "published" } },
      refusals: ["FORBIDDEN", "RECORD_INVALID", "RECORD_EXPIRED", "RECORD_CONFLICT", "SIGNATURE_INVALID"],
      signedIn: own((caller, req, res) => putAddresses(services, caller, req, res)),
    },
    delete: {
      id: "withdrawAddresses",
      summary: "Withdraws the caller's addresses: the device is offline at once",
      limit: "write",
      answers: { 204: { what: "withdrawn" } },
      refusals: ["FORBIDDEN"],
      signedIn: own((caller, _req, res) => deleteAddresses(services, caller, res)),
    },
  });
  route(api, "/v1/devices/:device/mailbox", {
    put: {
      id: "publishMailbox",
      summary: "Publishes where parcels for the caller's device may be left while it is offline",
      limit: "write",
      body: MAILBOX_BODY,
      answers: { 204: { what: "published" } },
      refusals: [
        "FORBIDDEN",
        "KEY_INVALID",
        "RECORD_INVALID",
        "RECORD_EXPIRED",
        "RECORD_CONFLICT",
        "SIGNATURE_INVALID",
      ],
      signedIn: own((caller, req, res) => putMailbox(services, caller, req, res)),
    },
  });
  route(api, "/v1/devices/:device/key-packages", {
    post: {
      id: "addKeyPackages",
      summary: "Leaves one-time key packages, and a last resort, for whoever writes first",
      limit: "write",
      body: KEY_PACKAGE_BODY,
      answers: { 200: { what: "how many the server holds now", body: keyPackageCountSchema } },
      refusals: ["FORBIDDEN", "KEY_PACKAGES_FULL"],
      signedIn: own((caller, req, res) => addKeyPackages(services, caller, req, res)),
    },
  });
}

const own =
  (handler: SignedInHandler): SignedInHandler =>
  (caller, req, res) => {
    assertOwnDevice(caller, segment(req, "device"));
    return handler(caller, req, res);
  };

/** Whether another device exists is not for the caller to learn: all others answer alike. */
function assertOwnDevice({ device }: Caller, wanted: string): void {
  if (wanted !== device) throw new ChatError("FORBIDDEN", "not one of the caller's devices");
}

async function putAddresses(
  { store, directory, presence, now }: Services,
  { username, device }: Caller,
  req: Request,
  res: Response,
): Promise<void> {
  const body = await readBody(req, ADDRESS_BODY);
  const { text, payload } = await verifyAddressRecord(body.toString("latin1"), now());
  assertOwnRecord(payload, { username, device });
  const { seq, exp: expires } = payload;
  const at = Math.floor(now() / 1000);
  await store.putAddress({ name: username, device, seq, expires, record: text, at });
  presence.poke();
  directory.forget(username);
  sendEmpty(res, 204);
}

function assertOwnRecord(payload: { device: DeviceId; name: Username }, { username, device }: Caller): void {
  if (payload.device !== device) {
    throw new ChatError("RECORD_INVALID", "the record is another device's", { reason: "device" });
  }
  if (payload.name !== username) {
    throw new ChatError("RECORD_INVALID", "the record is for another name", { reason: "name" });
  }
}

async function putMailbox(
  { store, directory, now }: Services,
  caller: Caller,
  req: Request,
  res: Response,
): Promise<void> {
  const body = await readBody(req, MAILBOX_BODY);
  const { text, payload } = await verifyMailboxRecord(body.toString("latin1"), now());
  assertOwnRecord(payload, caller);
  const { name, device, seq, exp: expires } = payload;
  const isWithdrawn = payload.boxes.length === 0;
  await store.putMailbox({ name, device, seq, expires, record: text, isWithdrawn, at: Math.floor(now() / 1000) });
  directory.forget(name);
  sendEmpty(res, 204);
}

async function deleteAddresses(
  { store, directory, presence, now }: Services,
  caller: Caller,
  res: Response,
): Promise<void> {
  await store.deleteAddress(caller.device, Math.floor(now() / 1000));
  presence.poke();
  directory.forget(caller.username);
  sendEmpty(res, 204);
}

async function addKeyPackages({ store }: Services, { device }: Caller, req: Request, res: Response): Promise<void> {
  const body = await readBody(req, KEY_PACKAGE_BODY);
  const { keyPackages, lastResort } = readRequest(keyPackageUploadSchema, parseStrictJson(body));
  sendJson(res, 200, await store.addKeyPackages({ device, keyPackages, lastResort }));
}
