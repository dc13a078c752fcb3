import { generateKeyPairSync, type KeyObject, randomUUID } from "node:crypto";
import { openSqliteStore } from "../../naming-server/storage/sqlite-store.ts";
import { signAddressRecord } from "../../shared/address-record.ts";
import { signAssertion } from "../../shared/assertion.ts";
import { encodeBase64url } from "../../shared/base64url.ts";
import { utf8 } from "../../shared/bytes.ts";
import { type DeviceId, deviceIdOf } from "../../shared/device-id.ts";
import { rawPublicKey } from "../../shared/ed25519.ts";
import { sha256 } from "../../shared/hash.ts";
import { signNameRecord } from "../../shared/name-record.ts";
import { JOSE_MEDIA_TYPE } from "../../shared/protocol.ts";
import { parseUsername, skeletonOf, type Username } from "../../shared/username.ts";

/** What the records of a filled database are made for; the server is told that it is this one. */
export const AUDIENCE = "https://names.example.org";
const BATCH = 256;
const ASSERTION_SECONDS = 60;
const ADDRESS_SECONDS = 3600;

export type Member = { readonly username: Username; readonly deviceKey: KeyObject };

/** Registers so many names, with keys and signatures as real ones have; answers the first `kept` of them. */
export async function fillDatabase(path: string, count: number, kept = 1): Promise<[Member, ...Member[]]> {
  const store = openSqliteStore(path);
  const others = Array.from({ length: kept - 1 }, (_, at) => newMember(at + 1));
  const members: [Member, ...Member[]] = [newMember(0), ...others];
  try {
    for (let start = 0; start < count; start += BATCH) {
      const indexes = Array.from({ length: Math.min(BATCH, count - start) }, (_, at) => start + at);
      await Promise.all(indexes.map(async (at) => store.createName(await rowOf(members[at] ?? newMember(at)))));
    }
  } finally {
    await store.close();
  }
  return members;
}

export function nameOf(index: number): Username {
  return parseUsername(`user-${index}`);
}

function newMember(index: number): Member {
  return { username: nameOf(index), deviceKey: generateKeyPairSync("ed25519").privateKey };
}

/** The first record of somebody new, to be registered. */
export async function newRecord(name: string): Promise<string> {
  const deviceKey = generateKeyPairSync("ed25519").privateKey;
  return (await rowOf({ username: parseUsername(name), deviceKey })).record;
}

/** As the server would make it of the record, without its checks: those of so many would take minutes. */
async function rowOf({ username: name, deviceKey }: Member) {
  const identityKey = generateKeyPairSync("ed25519").privateKey;
  const nowSeconds = Math.floor(Date.now() / 1000);
  const devices = [{ key: deviceKey, addedAt: nowSeconds }];
  const record = await signNameRecord({ name, aud: AUDIENCE, identityKey, devices, iat: nowSeconds });
  return {
    name,
    skeleton: skeletonOf(name),
    identity: encodeBase64url(rawPublicKey(identityKey)),
    seq: 1,
    hash: encodeBase64url(sha256(utf8(record))),
    record,
    devices: [deviceIdOf(rawPublicKey(deviceKey))],
    acceptedAt: nowSeconds,
  };
}

/** An access token, the way every client gets one. */
export async function signIn(url: string, { username, deviceKey }: Member): Promise<string> {
  const iat = Math.floor(Date.now() / 1000);
  const claims = { iss: username, sub: username, aud: AUDIENCE, jti: randomUUID(), iat, exp: iat + ASSERTION_SECONDS };
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: await signAssertion(claims, deviceIdOf(rawPublicKey(deviceKey)), deviceKey),
  });
  const response = await fetch(`${url}/v1/token`, { method: "POST", body: form });
  if (response.status !== 200) throw new Error(`no access token: ${await response.text()}`);
  return ((await response.json()) as { access_token: string }).access_token;
}

/** Publishes an address for an hour: the member is online. */
export async function publish(url: string, { username, deviceKey }: Member, token: string): Promise<void> {
  const device = deviceIdOf(rawPublicKey(deviceKey));
  const nowMs = Date.now();
  const addrs = [`/ip4/192.0.2.7/tcp/4001/p2p/${device}`];
  const exp = Math.floor(nowMs / 1000) + ADDRESS_SECONDS;
  const body = await signAddressRecord({ name: username, device, addrs, seq: nowMs, exp }, deviceKey);
  const headers = { authorization: `Bearer ${token}`, "content-type": JOSE_MEDIA_TYPE };
  assertDone(await fetch(addressesUrl(url, device), { method: "PUT", body, headers }));
}

export async function withdraw(url: string, { deviceKey }: Member, token: string): Promise<void> {
  const device = deviceIdOf(rawPublicKey(deviceKey));
  const headers = { authorization: `Bearer ${token}` };
  assertDone(await fetch(addressesUrl(url, device), { method: "DELETE", headers }));
}

function addressesUrl(url: string, device: DeviceId): string {
  return `${url}/v1/devices/${device}/addresses`;
}

function assertDone({ status }: Response): void {
  if (status !== 204) throw new Error(`an address is refused: ${status}`);
}
