import { generateKeyPairSync, type KeyObject, randomUUID } from "node:crypto";
import { openSqliteStore } from "../../naming-server/storage/sqlite-store.ts";
import { signAssertion } from "../../shared/assertion.ts";
import { encodeBase64url } from "../../shared/base64url.ts";
import { utf8 } from "../../shared/bytes.ts";
import { deviceIdOf } from "../../shared/device-id.ts";
import { rawPublicKey } from "../../shared/ed25519.ts";
import { sha256 } from "../../shared/hash.ts";
import { signNameRecord } from "../../shared/name-record.ts";
import { parseUsername, skeletonOf, type Username } from "../../shared/username.ts";

/** What the records of a filled database are made for; the server is told that it is this one. */
export const AUDIENCE = "https://names.example.org";
const BATCH = 256;
const ASSERTION_SECONDS = 60;

export type Member = { readonly username: Username; readonly deviceKey: KeyObject };

/** Registers so many names, with keys and signatures as real ones have; answers the first of them. */
export async function fillDatabase(path: string, count: number): Promise<Member> {
  const store = openSqliteStore(path);
  const caller = newMember(0);
  try {
    for (let start = 0; start < count; start += BATCH) {
      const members = Array.from({ length: Math.min(BATCH, count - start) }, (_, at) => newMember(start + at));
      if (start === 0) members[0] = caller;
      await Promise.all(members.map(async (member) => store.createName(await rowOf(member))));
    }
  } finally {
    await store.close();
  }
  return caller;
}

export function nameOf(index: number): Username {
  return parseUsername(`user-${index}`);
}

function newMember(index: number): Member {
  return { username: nameOf(index), deviceKey: generateKeyPairSync("ed25519").privateKey };
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
