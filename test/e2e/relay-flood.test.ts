import { join } from "node:path";
import type { Connection, Stream } from "@libp2p/interface";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseDeviceId, publicKeyOfDevice } from "../../shared/device-id.ts";
import { decodeMailboxAnswer, encodeMailboxFrame } from "../../shared/mailbox-frames.ts";
import { signBoxOpening } from "../../shared/mailbox-signatures.ts";
import { RELAY_PROTOCOLS } from "../../shared/protocol.ts";
import { RelayEnd } from "../support/fake-mailbox.ts";
import { type HostilePeer, startHostilePeer } from "../support/hostile-peer.ts";
import { newBox, newParcel } from "../support/mailbox.ts";
import { type RelayProcess, startRelayProcess } from "../support/relay-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const HOP = "/libp2p/circuit/relay/0.2.0/hop";
/** A length and a protobuf: type RESERVE; the answer's status is OK. */
const RESERVE = Uint8Array.of(2, 8, 0);
const OK = Uint8Array.of(40, 100);
const MIB = 1024 * 1024;

async function gaugeOf({ metricsUrl }: RelayProcess, name: string): Promise<number> {
  const text = await (await fetch(`${metricsUrl}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
}

async function assertServes(relay: RelayProcess): Promise<void> {
  const owner = newBox();
  await using alice = await relay.connect();
  await using bob = await relay.connect();
  await alice.open(owner.contacts);
  await bob.deposit(owner.box, owner.token(), newParcel());
  const { parcels, last } = await alice.fetch(owner.box, 0);
  expect(parcels).toHaveLength(1);
  await alice.receipt(owner.key, [last]);
}

async function firstBytes(stream: Stream): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    stream.addEventListener("message", ({ data }) => resolve(data.subarray()), { once: true });
    stream.addEventListener("close", () => reject(new Error("closed")));
  });
}

async function reserve(connection: Connection): Promise<boolean> {
  const stream = await connection.newStream(HOP, { signal: AbortSignal.timeout(20_000) });
  const answer = firstBytes(stream);
  stream.send(RESERVE);
  return Buffer.from(await answer).includes(OK);
}

describe("a relay under flood", () => {
  test("holds a thousand reservations, refuses the next, and still serves, in bounded memory", async () => {
    const relay = await startRelayProcess(join(temporaryDirectory(), "relay"), { limits: { reservations: 1000 } });
    const peers: HostilePeer[] = [];
    onTestFinished(async () => {
      for (const peer of peers) await peer[Symbol.asyncDispose]();
    });
    let granted = 0;
    const comeOneByOne = async () => {
      while (peers.length < 1010) {
        const peer = await startHostilePeer();
        peers.push(peer);
        if (await reserve(await peer.dial(relay.address))) granted += 1;
      }
    };
    await Promise.all(Array.from({ length: 16 }, comeOneByOne));
    expect(granted).toBe(1000);
    expect(await gaugeOf(relay, "p2pchat_relay_reservations")).toBe(1000);
    await assertServes(relay);
    expect(await gaugeOf(relay, "process_resident_memory_bytes")).toBeLessThan(500 * MIB);
    await Promise.all(peers.map(({ node }) => node.stop()));
    await expect.poll(() => gaugeOf(relay, "p2pchat_relay_reservations")).toBe(0);
  }, 120_000);

  test("holds little for clients that fetch and do not read, and for those that send and do not stop", async () => {
    const relay = await startRelayProcess(join(temporaryDirectory(), "relay"));
    const owner = newBox();
    {
      await using alice = await relay.connect();
      await alice.open(owner.contacts);
      const parcels = Array.from({ length: 200 }, () => newParcel(61_440));
      await Promise.all(parcels.map((parcel) => alice.deposit(owner.box, owner.token(), parcel)));
    }
    await using mallory = await startHostilePeer();
    const before = await gaugeOf(relay, "process_resident_memory_bytes");
    for (let n = 0; n < 20; n += 1) {
      const end = new RelayEnd(await mallory.open(relay.address, { protocol: RELAY_PROTOCOLS.mailbox }));
      const welcome = decodeMailboxAnswer((await end.raw.readFrame()) ?? new Uint8Array());
      if (welcome.type !== "welcome") throw new Error("no welcome");
      const { kind, tokenKey } = owner.contacts;
      const content = { relay: publicKeyOfDevice(parseDeviceId(relay.peerId)), challenge: welcome.challenge };
      const signature = signBoxOpening({ ...content, kind, tokenKey }, owner.key);
      end.say({ type: "open", request: 0, box: owner.box, kind, tokenKey, signature });
      await end.raw.readFrame();
      end.raw.stream.pause();
      for (let request = 1; request < 100; request += 1) end.say({ type: "fetch", request, box: owner.box, after: 0 });
    }
    for (let n = 0; n < 10; n += 1) {
      const { raw } = new RelayEnd(await mallory.open(relay.address, { protocol: RELAY_PROTOCOLS.mailbox }));
      raw.stream.pause();
      const deposit = { type: "deposit", request: 1, box: newBox().box, token: null, parcel: newParcel() } as const;
      const frame = encodeMailboxFrame(deposit);
      try {
        for (let sent = 0; sent < 1000; sent += 1) raw.writeFrame(frame);
      } catch {
        // its own side holds no more
      }
    }
    await assertServes(relay);
    expect((await gaugeOf(relay, "process_resident_memory_bytes")) - before).toBeLessThan(250 * MIB);
  }, 60_000);
});
