import { circuitRelayTransport } from "@libp2p/circuit-relay-v2";
import type { Connection } from "@libp2p/interface";
import { describe, expect, test } from "vitest";
import { NETWORK_LIMITS } from "../../../../peer/network/limits.ts";
import { createNode } from "../../../../peer/network/transport/libp2p.ts";
import {
  bytesOfPartialFrame,
  carrierKey,
  hasSocket,
  isCircuitTransport,
  type MuxedStream,
  muxerKey,
} from "../../../../peer/network/transport/libp2p-internals.ts";
import { partsOf } from "../../../support/connection-parts.ts";
import { seedOf } from "../../../support/networks.ts";
import { startPairOfNodes } from "../../../support/pair-of-nodes.ts";

/** Has calls of that member noted under its name. */
function note<T extends object>(object: T, names: readonly (keyof T & string)[], noted: Set<string>): void {
  for (const name of names) {
    const member: unknown = object[name];
    if (typeof member !== "function") throw new Error(`there is no ${name}`);
    Object.assign(object, {
      [name]: (...args: unknown[]) => {
        noted.add(name);
        return member.apply(object, args);
      },
    });
  }
}

function muxedStreamsOf(connection: Connection): readonly MuxedStream[] {
  return partsOf(connection).muxer.streams;
}

describe("libp2p still", () => {
  test("writes to a socket of Node's by one function, and shares an object with what it carries", async () => {
    await using nodes = await startPairOfNodes();
    const { socket } = partsOf(nodes.connection);
    if (!hasSocket(socket)) throw new Error("no socket");
    expect(socket.socket.bytesRead).toBeGreaterThan(0);
    expect(carrierKey(nodes.connection)).toBe(carrierKey(socket));
    const noted = new Set<string>();
    note(socket, ["sendData"], noted);
    await nodes.open();
    expect(noted).toEqual(new Set(["sendData"]));
  });

  test("has its muxer hand on all that comes in, and each stream, by functions of that name", async () => {
    await using nodes = await startPairOfNodes();
    const { farConnection } = await nodes.open();
    const [near, far] = [nodes.connection, farConnection].map((one) => partsOf(one).muxer);
    if (near === undefined || far === undefined) throw new Error("two muxers");
    expect([muxerKey(nodes.connection), muxerKey(farConnection)]).toEqual([muxerKey(near), muxerKey(far)]);
    expect(muxerKey(nodes.connection)).toBe(muxerKey(near));
    const noted = new Set<string>();
    note(near, ["onCreateStream", "onData"], noted);
    note(far, ["onRemoteStream"], noted);
    await nodes.open();
    expect(noted).toEqual(new Set(["onCreateStream", "onData", "onRemoteStream"]));
  });

  test("keeps what is there of a frame until the rest comes", async () => {
    await using nodes = await startPairOfNodes();
    const { muxer } = partsOf(nodes.connection);
    expect(bytesOfPartialFrame(muxer)).toBe(0);
    muxer.onData(new Uint8Array(5));
    expect(bytesOfPartialFrame(muxer)).toBe(5);
  });

  test("has its streams take and send data, open windows and say that there is room, by functions of that name", async () => {
    await using nodes = await startPairOfNodes();
    const { near, farConnection } = await nodes.open();
    const noted = new Set<string>();
    const [sending] = muxedStreamsOf(nodes.connection);
    const [receiving] = muxedStreamsOf(farConnection);
    if (sending === undefined || receiving === undefined) throw new Error("two streams");
    note(sending, ["sendData", "safeDispatchEvent", "onMuxerNeedsDrain"], noted);
    note(receiving, ["handleData", "sendWindowUpdate"], noted);
    // more than a window, and more than a socket takes at once
    near.send(new Uint8Array(1024 * 1024));
    await expect.poll(() => noted.size, { timeout: 10_000 }).toBe(5);
    expect([sending.state, receiving.state].every((state) => typeof state === "number")).toBe(true);
  });

  test("has a transport for relays that takes connections by a function of that name", async () => {
    const node = await createNode({ gater: {}, limits: NETWORK_LIMITS, deviceSeed: seedOf("alice"), listen: [] });
    const transport = circuitRelayTransport()(node.services.parts);
    expect(isCircuitTransport(transport)).toBe(true);
    await node.stop();
  });
});
