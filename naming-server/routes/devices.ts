import type { IRouter, Request, Response } from "express";
import { verifyAddressRecord } from "../../shared/address-record.ts";
import { keyPackageUploadSchema } from "../../shared/api.ts";
import { ChatError } from "../../shared/errors.ts";
import { JOSE_MEDIA_TYPE } from "../../shared/protocol.ts";
import { parseStrictJson } from "../../shared/strict-json.ts";
import type { Caller } from "../access-tokens.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { sendEmpty, sendJson } from "../reply.ts";
import { readBody } from "../request-body.ts";
import type { Services } from "../services.ts";
import { type Handler, readRequest, route, segment, signedIn } from "./route.ts";

export function deviceRoutes(router: IRouter, services: Services): void {
  const own = (handler: (caller: Caller, req: Request, res: Response) => Promise<void>): Handler =>
    signedIn(services, (caller, req, res) => {
      assertOwnDevice(caller, segment(req, "device"));
      return handler(caller, req, res);
    });
  route(router, "/v1/devices/:device/addresses", {
    put: own((caller, req, res) => putAddresses(services, caller, req, res)),
    delete: own((caller, _req, res) => deleteAddresses(services, caller, res)),
  });
  route(router, "/v1/devices/:device/key-packages", {
    post: own((caller, req, res) => addKeyPackages(services, caller, req, res)),
  });
}

/** Whether another device exists is not for the caller to learn: all others answer alike. */
function assertOwnDevice({ device }: Caller, wanted: string): void {
  if (wanted !== device) throw new ChatError("FORBIDDEN", "not one of the caller's devices");
}

async function putAddresses(
  { store, directory, now }: Services,
  { username, device }: Caller,
  req: Request,
  res: Response,
): Promise<void> {
  const body = await readBody(req, { mediaType: JOSE_MEDIA_TYPE });
  const { text, payload } = await verifyAddressRecord(body.toString("latin1"), now());
  if (payload.device !== device) {
    throw new ChatError("RECORD_INVALID", "the record is another device's", { reason: "device" });
  }
  if (payload.name !== username) {
    throw new ChatError("RECORD_INVALID", "the record is for another name", { reason: "name" });
  }
  await store.putAddress({ name: username, device, seq: payload.seq, expires: payload.exp, record: text });
  directory.forget(username);
  sendEmpty(res, 204);
}

async function deleteAddresses({ store, directory }: Services, caller: Caller, res: Response): Promise<void> {
  await store.deleteAddress(caller.device);
  directory.forget(caller.username);
  sendEmpty(res, 204);
}

async function addKeyPackages({ store }: Services, { device }: Caller, req: Request, res: Response): Promise<void> {
  const rules = { mediaType: "application/json", maxBytes: SERVER_LIMITS.keyPackageUploadMaxBytes };
  const body = await readBody(req, rules);
  const { keyPackages, lastResort } = readRequest(keyPackageUploadSchema, parseStrictJson(body));
  sendJson(res, 200, await store.addKeyPackages({ device, keyPackages, lastResort }));
}
