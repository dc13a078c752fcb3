import type { Connection, Stream } from "@libp2p/interface";
import { describe, expect, test } from "vitest";
import { drained } from "../../../../peer/network/streams/drained.ts";
import { hasStopped, soon } from "../../../support/channels.ts";
import { partsOf } from "../../../support/connection-parts.ts";
import { startPairOfNodes } from "../../../support/pair-of-nodes.ts";

const KIB = 1024;
const MIB = KIB * KIB;
/** As much as no system keeps for a socket, in Yamux's frames of 12 bytes. */
const FLOOD_FRAMES = 1_500_000;
const BATCH = 4000;

const DATA = 0;
const WINDOW_UPDATE = 1;
const PING = 2;
const SYN = 1;

function frames(count: number, frameOf: (n: number) => { type: number; flags: number; id: number; length: number }) {
  const bytes = Buffer.alloc(12 * count);
  for (let n = 0; n < count; n += 1) {
    const { type, flags, id, length } = frameOf(n);
    bytes.writeUInt8(type, 12 * n + 1);
    bytes.writeUInt16BE(flags, 12 * n + 2);
    bytes.writeUInt32BE(id, 12 * n + 4);
    bytes.writeUInt32BE(length, 12 * n + 8);
  }
  return bytes;
}

/** Sends and reads nothing, until it has sent all or the other side has had enough. */
async function flood(connection: Connection, batches: Iterable<Uint8Array>): Promise<void> {
  const { muxer, socket } = partsOf(connection);
  socket.pause();
  for (const batch of batches) {
    if (connection.status !== "open") return;
    const gone = new Promise((resolve) => connection.addEventListener("close", resolve, { once: true }));
    const room = new Promise((resolve) => socket.addEventListener("drain", resolve, { once: true }));
    if (!muxer.send(batch)) await Promise.race([room, gone]);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function* batchesOf(frameOf: Parameters<typeof frames>[1]): Generator<Uint8Array> {
  for (let sent = 0; sent < FLOOD_FRAMES; sent += BATCH) yield frames(BATCH, (n) => frameOf(sent + n));
}

const streamOf = (n: number) => ({ type: WINDOW_UPDATE, flags: SYN, id: 1001 + 2 * n, length: 0 });

const floods = {
  pings: () => batchesOf((n) => ({ type: PING, flags: SYN, id: 0, length: n })),
  streams: () => batchesOf(streamOf),
};

function countOf(stream: Stream): () => number {
  let bytes = 0;
  stream.addEventListener("message", ({ data }) => {
    bytes += data.byteLength;
  });
  return () => bytes;
}

describe("a connection whose other side reads nothing", () => {
  test.each(Object.entries(floods))("is ended when it is flooded with %s", async (_, batches) => {
    await using nodes = await startPairOfNodes();
    const { connection } = nodes;
    const { farConnection } = await nodes.open();
    await flood(connection, batches());
    await expect.poll(() => farConnection.status).toBe("aborted");
  });

  test("is sent no more because the other side widens the windows of its streams", async () => {
    await using nodes = await startPairOfNodes();
    const { connection } = nodes;
    const { near, far, farConnection } = await nodes.open();
    const { muxer, socket } = partsOf(connection);
    let sent = 0;
    const send = () => {
      // as libp2p does where it joins two streams: it waits for room once after each piece
      while (far.send(new Uint8Array(64 * KIB))) sent += 64 * KIB;
      sent += 64 * KIB;
    };
    far.addEventListener("drain", () => queueMicrotask(send));
    socket.pause();
    send();
    const wider = frames(1, () => ({ type: WINDOW_UPDATE, flags: 0, id: Number(near.id), length: MIB }));
    for (let n = 0; n < 1000 && connection.status === "open"; n += 1) {
      muxer.send(wider);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await hasStopped(() => sent);
    expect(sent).toBeLessThan(16 * MIB);
    expect(farConnection.status).toBe("open");
  });
});

test("a connection is ended by a frame that is longer than any window, before it is all there", async () => {
  await using nodes = await startPairOfNodes();
  const { farConnection } = await nodes.open();
  const { muxer, socket } = partsOf(nodes.connection);
  const gone = new Promise((resolve) => nodes.connection.addEventListener("close", resolve, { once: true }));
  muxer.send(frames(1, () => ({ type: DATA, flags: 0, id: 1, length: 2 ** 31 })));
  for (let sent = 0; sent < 16 * MIB && nodes.connection.status === "open"; sent += MIB) {
    const room = new Promise((resolve) => socket.addEventListener("drain", resolve, { once: true }));
    if (!muxer.send(new Uint8Array(MIB))) await Promise.race([room, gone]);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await expect.poll(() => farConnection.status).toBe("aborted");
});

describe("a connection whose other side is slow", () => {
  test("is kept, with all that is on many streams both ways", async () => {
    await using nodes = await startPairOfNodes();
    const { connection } = nodes;
    const streams: Awaited<ReturnType<typeof nodes.open>>[] = [];
    while (streams.length < 24) streams.push(await nodes.open());
    const [farConnection] = streams.map((one) => one.farConnection);
    if (farConnection === undefined) throw new Error("no stream");
    const arrived = streams.flatMap(({ near, far }) => [countOf(near), countOf(far)]);
    const each = 2 * MIB;
    const chunk = new Uint8Array(32 * KIB);
    let sent = 0;
    const sendAll = async (stream: Stream) => {
      for (let bytes = 0; bytes < each; bytes += chunk.length) {
        await drained(stream, AbortSignal.timeout(30_000));
        stream.send(chunk);
        sent += chunk.length;
      }
    };
    const { socket } = partsOf(farConnection);
    socket.pause();
    const sending = Promise.all(streams.flatMap(({ near, far }) => [sendAll(near), sendAll(far)]));
    await hasStopped(() => sent);
    expect(sent).toBeLessThan(2 * streams.length * each);
    socket.resume();
    await sending;
    await expect.poll(() => arrived.every((count) => count() === each)).toBe(true);
    expect([connection.status, farConnection.status]).toEqual(["open", "open"]);
  });

  test("is kept where a thousand streams were asked for meanwhile", async () => {
    await using nodes = await startPairOfNodes();
    const { connection } = nodes;
    const { near, far, farConnection } = await nodes.open();
    const { muxer, socket } = partsOf(connection);
    const received = countOf(near);
    socket.pause();
    let sent = 0;
    const sending = (async () => {
      for (; sent < 16 * MIB; sent += 32 * KIB) {
        await drained(far, soon());
        far.send(new Uint8Array(32 * KIB));
      }
    })();
    await hasStopped(() => sent);
    muxer.send(frames(1000, streamOf));
    socket.resume();
    await sending;
    await expect.poll(received).toBe(16 * MIB);
    expect(farConnection.status).toBe("open");
  });
});
