import { claimSchema, keyPackageCountSchema, nameAcceptedSchema } from "../../shared/api.ts";
import { encodeBase64url } from "../../shared/base64url.ts";
import { utf8 } from "../../shared/bytes.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError } from "../../shared/errors.ts";
import { sha256 } from "../../shared/hash.ts";
import { INVITE_HEADER, JOSE_MEDIA_TYPE } from "../../shared/protocol.ts";
import type { ClaimedKeyPackage, NamingServer } from "../messaging/ports/naming-server.ts";
import { readAnswer } from "./answer.ts";
import type { Call } from "./http.ts";

type Publishing = Pick<
  NamingServer,
  "putRecord" | "publishAddresses" | "withdrawAddresses" | "publishMailbox" | "uploadKeyPackages" | "claimKeyPackages"
>;

const JOSE = { "content-type": JOSE_MEDIA_TYPE };
const JSON_BODY = { "content-type": "application/json" };

/**
 * @param open  for what authorises itself
 * @param device  this profile's, where it is registered
 */
export function createPublishing({
  open,
  authorised,
  device,
  invite,
}: {
  open: Call;
  authorised: Call;
  device: DeviceId | undefined;
  invite?: string | undefined;
}): Publishing {
  const own = (what: string) => {
    if (device === undefined) throw new ChatError("TOKEN_MISSING", "this needs a registered profile");
    return `/v1/devices/${device}/${what}`;
  };
  return {
    async putRecord(username, record, signal) {
      const path = `/v1/names/${username}`;
      const headers = { ...JOSE, ...(invite !== undefined && { [INVITE_HEADER]: invite }) };
      const answer = await open({ method: "PUT", path, headers, body: record }, signal);
      const { hash } = readAnswer(answer, nameAcceptedSchema.omit({ log: true }));
      if (hash === encodeBase64url(sha256(utf8(record)))) return;
      throw new ChatError("SERVER_ERROR", "the server stored another record than the one sent", { reason: "record" });
    },

    async publishAddresses(record, signal) {
      await authorised({ method: "PUT", path: own("addresses"), headers: JOSE, body: record }, signal);
    },

    async withdrawAddresses(signal) {
      await authorised({ method: "DELETE", path: own("addresses") }, signal);
    },

    async publishMailbox(record, signal) {
      await authorised({ method: "PUT", path: own("mailbox"), headers: JOSE, body: record }, signal);
    },

    async uploadKeyPackages({ keyPackages, lastResort }, signal) {
      const body = JSON.stringify({
        keyPackages: keyPackages.map(encodeBase64url),
        ...(lastResort && { lastResort: encodeBase64url(lastResort) }),
      });
      const request = { method: "POST", path: own("key-packages"), headers: JSON_BODY, body } as const;
      return readAnswer(await authorised(request, signal), keyPackageCountSchema);
    },

    async claimKeyPackages(username, signal) {
      const path = `/v1/names/${username}/key-packages/claim`;
      const answer = await authorised({ method: "POST", path, headers: JSON_BODY, body: "{}" }, signal);
      return distinct(readAnswer(answer, claimSchema).keyPackages);
    },
  };
}

function distinct(claimed: readonly ClaimedKeyPackage[]): readonly ClaimedKeyPackage[] {
  if (new Set(claimed.map(({ device }) => device)).size === claimed.length) return claimed;
  throw new ChatError("SERVER_ERROR", "the server handed out two key packages for one device", { reason: "body" });
}
