import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";

/** A self-signed certificate for 127.0.0.1 and localhost, and its key, as PEM. */
export function selfSigned(options: { notAfter?: Date; host?: string } = {}): { cert: string; key: string } {
  const { notAfter = new Date(Date.now() + 86_400_000), host } = options;
  const pair = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { format: "der", type: "spki" },
    privateKeyEncoding: { format: "pem", type: "pkcs8" },
  });
  const name = sequence(tlv(0x31, sequence(oid(0x55, 4, 3), tlv(0x0c, Buffer.from("p2pchat test")))));
  const validity = sequence(time(new Date(notAfter.getTime() - 365 * 86_400_000)), time(notAfter));
  const names = host === undefined ? [ip(127, 0, 0, 1), dns("localhost")] : [dns(host)];
  const extensions = sequence(
    sequence(oid(0x55, 29, 17), octets(sequence(...names))),
    sequence(oid(0x55, 29, 19), octets(sequence(Buffer.of(1, 1, 0xff)))),
  );
  const body = sequence(
    tlv(0xa0, Buffer.of(2, 1, 2)),
    Buffer.of(2, 1, 1),
    ECDSA_SHA256,
    name,
    validity,
    name,
    pair.publicKey,
    tlv(0xa3, extensions),
  );
  const signature = sign("sha256", body, createPrivateKey(pair.privateKey));
  const der = sequence(body, ECDSA_SHA256, tlv(3, Buffer.concat([Buffer.of(0), signature])));
  return { cert: pem(der), key: pair.privateKey };
}

function tlv(tag: number, content: Uint8Array): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

const sequence = (...parts: Uint8Array[]) => tlv(0x30, Buffer.concat(parts));
const octets = (content: Uint8Array) => tlv(4, content);
const oid = (...bytes: number[]) => tlv(6, Buffer.from(bytes));
const ip = (...bytes: number[]) => tlv(0x87, Buffer.from(bytes));
const dns = (host: string) => tlv(0x82, Buffer.from(host));

/** UTCTime, RFC 5280 4.1.2.5.1. */
const time = (date: Date) => tlv(0x17, Buffer.from(date.toISOString().replace(/^20|[-:T]|\.\d+/g, "")));

/** ecdsa-with-SHA256, RFC 5758 3.2. */
const ECDSA_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2));

function pem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}
