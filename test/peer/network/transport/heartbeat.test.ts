import type { Connection } from "@libp2p/interface";
import { describe, expect, test } from "vitest";
import { Heartbeat } from "../../../../peer/network/transport/heartbeat.ts";
import { bytesHeard } from "../../../../peer/network/transport/tcp.ts";
import { FakeTime } from "../../../support/fake-time.ts";
import { startPairOfNodes } from "../../../support/pair-of-nodes.ts";

const limits = { pingIntervalMs: 20_000, pingTimeoutMs: 30_000 };
/** It looks four times in an interval, and knows nothing before its first look. */
const LOOK_MS = 5000;
/** Yamux's header, and what Noise adds: a length and a tag. */
const PING_BYTES = 12 + 2 + 16;

const heard = (connection: Connection) => bytesHeard(connection) ?? 0;

async function watched() {
  const nodes = await startPairOfNodes();
  const time = new FakeTime();
  const runtime = time.runtime("near");
  let stoodMs = 0;
  const heartbeat = new Heartbeat(() => [nodes.connection], {
    limits,
    runtime: { after: runtime.after, monotonic: () => runtime.monotonic() + stoodMs },
  });
  const streams = await nodes.open();
  /** A question of its own there and back, after which nothing is on its way. */
  const settle = async () => {
    const echoed = new Promise((resolve) => streams.near.addEventListener("message", resolve, { once: true }));
    streams.far.addEventListener("message", () => streams.far.send(Uint8Array.of(1)), { once: true });
    streams.near.send(Uint8Array.of(1));
    await echoed;
  };
  await settle();
  heartbeat.start();
  time.pass(LOOK_MS);
  /** The next timer runs so much later than it should. */
  const standStill = (ms: number) => {
    stoodMs += ms;
  };
  return { ...nodes, ...streams, time, heartbeat, settle, standStill };
}

describe("a connection on which nothing is heard", () => {
  test("is asked for a sign of life, and kept where one comes", async () => {
    await using pair = await watched();
    const { connection, time, farConnection } = pair;
    for (let n = 0; n < 5; n += 1) {
      const before = { near: heard(connection), far: heard(farConnection) };
      time.pass(limits.pingIntervalMs - LOOK_MS);
      expect(heard(farConnection)).toBe(before.far);
      time.pass(LOOK_MS);
      await expect.poll(() => heard(connection)).toBe(before.near + PING_BYTES);
      expect(heard(farConnection)).toBe(before.far + PING_BYTES);
      time.pass(LOOK_MS);
    }
    expect(connection.status).toBe("open");
  });

  test("is ended where none comes in time, not before", async () => {
    await using pair = await watched();
    const { connection, time } = pair;
    time.pass(limits.pingIntervalMs + limits.pingTimeoutMs - 1);
    expect(connection.status).toBe("open");
    time.pass(1);
    expect(connection.status).toBe("aborted");
  });

  test("is not judged by the time in which this process stood still, and may not have read the answer", async () => {
    await using pair = await watched();
    const { connection, time } = pair;
    time.pass(limits.pingIntervalMs);
    const asked = heard(connection);
    pair.standStill(10 * limits.pingTimeoutMs);
    time.pass(LOOK_MS);
    expect([connection.status, heard(connection)]).toEqual(["open", asked]);
    await expect.poll(() => heard(connection)).toBe(asked + PING_BYTES);
    time.pass(limits.pingTimeoutMs);
    expect(connection.status).toBe("open");
  });

  test("is given the whole time anew after this process stood still, and no more", async () => {
    await using pair = await watched();
    const { connection, time } = pair;
    time.pass(limits.pingIntervalMs);
    pair.standStill(10 * limits.pingTimeoutMs);
    time.pass(LOOK_MS + limits.pingTimeoutMs - 1);
    expect(connection.status).toBe("open");
    time.pass(1);
    expect(connection.status).toBe("aborted");
  });

  test("is left alone once nobody watches", async () => {
    await using pair = await watched();
    pair.heartbeat.stop();
    pair.time.pass(10 * (limits.pingIntervalMs + limits.pingTimeoutMs));
    expect(pair.connection.status).toBe("open");
    expect(pair.time.timers).toBe(0);
  });
});

describe("a connection on which something is heard", () => {
  test("is asked nothing, were it only the other side's question", async () => {
    await using pair = await watched();
    const { connection, time, far, near, farConnection } = pair;
    const before = heard(farConnection);
    for (let n = 0; n < 5; n += 1) {
      const arrived = new Promise((resolve) => near.addEventListener("message", resolve, { once: true }));
      far.send(Uint8Array.of(1));
      await arrived;
      time.pass(limits.pingIntervalMs - LOOK_MS);
    }
    await pair.settle();
    // what it took to settle
    expect(heard(farConnection) - before).toBe(PING_BYTES + 1);
    expect(connection.status).toBe("open");
  });
});
