import type { Connection, Stream, StreamMessageEvent } from "@libp2p/interface";
import { describe, expect, test } from "vitest";
import { drained } from "../../../../peer/network/streams/drained.ts";
import { bytesHeard } from "../../../../peer/network/transport/tcp.ts";
import { hasStopped, soon } from "../../../support/channels.ts";
import { startPairOfNodes } from "../../../support/pair-of-nodes.ts";

const KIB = 1024;
/** Yamux's header, and what Noise adds: a length and a tag. */
const HEADER = 12 + 2 + 16;

function arrivalOf(stream: Stream, bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let arrived = 0;
    const onMessage = ({ data }: StreamMessageEvent) => {
      arrived += data.byteLength;
      if (arrived < bytes) return;
      stream.removeEventListener("message", onMessage);
      resolve();
    };
    stream.addEventListener("message", onMessage);
    stream.addEventListener("close", ({ error }) => reject(error ?? new Error("closed")));
  });
}

async function sendAll(stream: Stream, bytes: number, onSent: (bytes: number) => void = () => {}): Promise<void> {
  const chunk = new Uint8Array(32 * KIB);
  for (let sent = 0; sent < bytes; sent += chunk.length) {
    await drained(stream, soon());
    stream.send(chunk);
    onSent(sent);
  }
}

async function openedStreams(): Promise<{
  connection: Connection;
  near: Stream;
  far: Stream;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const nodes = await startPairOfNodes();
  const { near, far } = await nodes.open();
  const there = arrivalOf(far, 1);
  near.send(Uint8Array.of(1));
  await there;
  const back = arrivalOf(near, 1);
  far.send(Uint8Array.of(1));
  await back;
  return { ...nodes, near, far };
}

describe("a stream", () => {
  test("answers small messages with nothing of its own", async () => {
    await using pair = await openedStreams();
    const { connection, near, far } = pair;
    const before = bytesHeard(connection) ?? 0;
    for (let n = 0; n < 20; n += 1) {
      const there = arrivalOf(far, KIB);
      near.send(new Uint8Array(KIB));
      await there;
    }
    const back = arrivalOf(near, 1);
    far.send(Uint8Array.of(1));
    await back;
    expect((bytesHeard(connection) ?? 0) - before).toBe(HEADER + 1);
  });

  test("takes far more than its first window", async () => {
    await using pair = await openedStreams();
    const { near, far } = pair;
    const all = arrivalOf(far, 8 * KIB * KIB);
    await sendAll(near, 8 * KIB * KIB);
    await all;
  });

  test("goes on after it was paused for long, however much was used of its window before", async () => {
    await using pair = await openedStreams();
    const { near, far } = pair;
    for (const used of [0, 32, 64, 96, 128]) {
      if (used > 0) {
        const there = arrivalOf(far, used * KIB);
        await sendAll(near, used * KIB);
        await there;
      }
      far.pause();
      const all = arrivalOf(far, 2 * KIB * KIB);
      let sent = 0;
      const sending = sendAll(near, 2 * KIB * KIB, (bytes) => {
        sent = bytes;
      });
      await hasStopped(() => sent);
      far.resume();
      await Promise.all([sending, all]);
    }
  });
});
