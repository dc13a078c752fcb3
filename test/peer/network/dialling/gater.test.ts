import { readFileSync } from "node:fs";
import { publicKeyFromProtobuf } from "@libp2p/crypto/keys";
import type { ConnectionGater, PeerId } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { multiaddr } from "@multiformats/multiaddr";
import { describe, expect, test } from "vitest";
import { Connections, type Refusal } from "../../../../peer/network/connections.ts";
import { connectionGater } from "../../../../peer/network/dialling/gater.ts";
import { NETWORK_LIMITS } from "../../../../peer/network/limits.ts";
import { decodeBase64url } from "../../../../shared/base64url.ts";
import { deviceIdOf } from "../../../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../../../shared/ed25519.ts";

type ForeignPeer = { readonly keyType: string; readonly peerId: string; readonly publicKey: string };

const VECTORS = new URL("../../../vectors/foreign-peers.json", import.meta.url);
const foreignPeers = JSON.parse(readFileSync(VECTORS, "utf8")) as readonly ForeignPeer[];
const idOf = (byte: number) => deviceIdOf(publicKeyOfSeed(new Uint8Array(32).fill(byte)));
const [self, bob] = [idOf(1), idOf(2)];

function gater() {
  const refused: Refusal[] = [];
  const connections = new Connections({ self, limits: NETWORK_LIMITS, isContact: () => true });
  const asked = connectionGater({
    allowLocal: true,
    refusal: (peerId) => connections.refusal(peerId),
    onRefused: (reason) => refused.push(reason),
  });
  return { asked, refused };
}

/** A peer that can be named, but whose key must not be used for anything. */
function named(peer: PeerId): PeerId {
  return new Proxy(peer, {
    get(target, property) {
      if (property === "publicKey") throw new Error("the key was looked at");
      const value: unknown = Reflect.get(target, property);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

const admits = async (asked: ConnectionGater, peer: PeerId) =>
  !(await asked.denyInboundEncryptedConnection?.(peer, undefined as never)) &&
  !(await asked.denyInboundUpgradedConnection?.(peer, undefined as never));

describe.each(foreignPeers)("a peer with a key of type $keyType", ({ peerId }) => {
  test("is refused by its name alone: nothing is computed with its key", async () => {
    const { asked, refused } = gater();
    expect(await admits(asked, named(peerIdFromString(peerId)))).toBe(false);
    expect(refused).toEqual(["key-type"]);
  });

  test("is not dialled", async () => {
    const address = multiaddr(`/ip4/8.8.8.8/tcp/4001/p2p/${peerId}`);
    expect(await gater().asked.denyDialMultiaddr?.(address)).toBe(true);
  });
});

test("an RSA key of 8192 bits gets no further than its length: libp2p does not verify with it", () => {
  const { publicKey = "" } = foreignPeers.find(({ keyType }) => keyType === "RSA-8192") ?? {};
  expect(() => publicKeyFromProtobuf(decodeBase64url(publicKey))).toThrow("Key size is too large");
});

test("a peer with an Ed25519 key is admitted and dialled", async () => {
  const { asked, refused } = gater();
  expect(await admits(asked, named(peerIdFromString(bob)))).toBe(true);
  expect(await asked.denyDialMultiaddr?.(multiaddr(`/ip4/8.8.8.8/tcp/4001/p2p/${bob}`))).toBe(false);
  expect(refused).toEqual([]);
});

test("who was admitted is refused after all, where others took the place while it agreed on its multiplexer", async () => {
  const refused: Refusal[] = [];
  let refusal: Refusal | undefined;
  const asked = connectionGater({ allowLocal: true, refusal: () => refusal, onRefused: (why) => refused.push(why) });
  const peer = peerIdFromString(bob);
  expect(await asked.denyInboundEncryptedConnection?.(peer, undefined as never)).toBe(false);
  refusal = "connections";
  expect(await asked.denyInboundUpgradedConnection?.(peer, undefined as never)).toBe(true);
  expect(refused).toEqual(["connections"]);
});
