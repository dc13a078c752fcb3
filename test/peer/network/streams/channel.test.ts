import { describe, expect, test } from "vitest";
import type { Channel } from "../../../../peer/messaging/ports/transport.ts";
import {
  arrivalOfAllBefore,
  frameOf,
  hasStopped,
  readAll,
  soon,
  withPair,
  withRaw,
} from "../../../support/channels.ts";
import { startFaultProxy } from "../../../support/fault-proxy.ts";
import { tcpAddress } from "../../../support/hostile-peer.ts";
import { assertStillServes, echo, startTestNetwork } from "../../../support/networks.ts";

describe("frames", () => {
  test("arrive in order and whole however many there are", async () => {
    await withPair({}, async ({ from, to }) => {
      const reading = readAll(to);
      for (let n = 0; n < 100; n++)
        await from.send(Array.from({ length: 64 }, (_, i) => frameOf(n, 1 + ((n * i) % 2000))));
      await from.close();
      const { frames, code } = await reading;
      expect(code).toBeUndefined();
      expect(frames.map((frame) => frame[0])).toEqual(
        Array.from({ length: 6400 }, (_, index) => Math.floor(index / 64)),
      );
    });
  });

  test("of one send leave in one write", async () => {
    await withRaw({}, async ({ channel, raw }) => {
      const sizes: number[] = [];
      raw.stream.addEventListener("message", ({ data }) => sizes.push(data.byteLength));
      await channel.send(Array.from({ length: 10 }, () => frameOf(1, 100)));
      expect(await raw.readFrame()).toHaveLength(100);
      expect(sizes).toEqual([1040]);
    });
  });

  test("too large or empty are not sent, and the channel goes on", async () => {
    await withPair({}, async ({ from, to }) => {
      await expect(from.send([frameOf(1), new Uint8Array(64 * 1024 + 1)])).rejects.toMatchObject({
        code: "FRAME_TOO_LARGE",
      });
      await expect(from.send([new Uint8Array(0)])).rejects.toMatchObject({ code: "FRAME_INVALID" });
      await from.send([]);
      await from.send([frameOf(2, 64 * 1024)]);
      await from.close();
      expect((await readAll(to)).frames.map((frame) => frame.length)).toEqual([64 * 1024]);
    });
  });

  test("survive a line that delivers byte by byte and late", async () => {
    await using bob = await startTestNetwork("bob", { onChannel: (channel) => void echo(channel) });
    await using proxy = await startFaultProxy(tcpAddress(bob.address), { chop: true, latencyMs: 5 });
    await using alice = await startTestNetwork("alice", { limits: { closeTimeoutMs: 5000 } });
    const channel = await alice.network.connect(bob.device, [proxy.address(bob.device)], soon());
    await channel.send([frameOf(1), frameOf(2, 3000)]);
    const frames: Uint8Array[] = [];
    for await (const batch of channel.receive()) {
      frames.push(...batch);
      if (frames.length === 2) break;
    }
    expect(frames).toEqual([frameOf(1), frameOf(2, 3000)]);
  });
});

describe("the end", () => {
  test("comes after the last frame, and closes both directions", async () => {
    await withRaw({}, async ({ raw, channel, bob }) => {
      raw.writeFrame(frameOf(1));
      raw.writeFrame(frameOf(2));
      await raw.finish();
      expect(await readAll(channel)).toEqual({ frames: [frameOf(1), frameOf(2)], code: undefined });
      expect(await raw.closed).toBeUndefined();
      expect(bob.network.connections().channels).toBe(0);
    });
  });

  test("lets the reader answer what it has read", async () => {
    await withRaw({}, async ({ raw, channel }) => {
      void echo(channel);
      raw.writeFrame(frameOf(1));
      await raw.finish();
      expect(await raw.readFrame()).toEqual(frameOf(1));
      expect(await raw.closed).toBeUndefined();
    });
  });

  test("of a reader that has had enough closes the stream", async () => {
    await withRaw({}, async ({ raw, channel, bob }) => {
      raw.writeFrame(frameOf(1));
      for await (const _ of channel.receive()) break;
      await raw.ended();
      await expect(channel.send([frameOf(2)])).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
      expect(bob.network.connections().channels).toBe(0);
    });
  });

  test("within a frame is an error at every byte", async () => {
    await withRaw({}, async ({ bob, peer, channel }) => {
      channel.abort(new Error("unused"));
      const whole = [0, 0, 0, 3, 1, 2, 3];
      for (let length = 1; length < whole.length; length++) {
        const raw = await peer.open(peer.node.getConnections()[0] ?? bob.address);
        raw.writeFrame(frameOf(9));
        raw.write(Uint8Array.from(whole.slice(0, length)));
        await raw.finish();
        expect(await readAll(await bob.accept())).toEqual({ frames: [frameOf(9)], code: "FRAME_INVALID" });
        await raw.closed;
      }
      expect(bob.network.connections().channels).toBe(0);
    });
  });

  test("by reset or by a lost connection says that the peer is gone", async () => {
    await withRaw({}, async ({ bob, peer, raw, channel }) => {
      raw.writeFrame(frameOf(1));
      const first = readAll(channel);
      await expect.poll(() => bob.network.connections().channels).toBe(1);
      raw.reset();
      expect((await first).code).toBe("PEER_UNREACHABLE");
      await using proxy = await startFaultProxy(tcpAddress(bob.address));
      const second = await peer.open(proxy.address(bob.device));
      second.writeFrame(frameOf(1));
      const reading = readAll(await bob.accept());
      proxy.reset();
      expect((await reading).code).toBe("PEER_UNREACHABLE");
      await expect.poll(() => bob.network.connections()).toMatchObject({ channels: 0, open: 1 });
    });
  });

  test("by abort reaches the other side at once", async () => {
    await withRaw({}, async ({ raw, channel }) => {
      channel.abort(new Error("enough"));
      expect(await readAll(channel)).toEqual({ frames: [], code: "PEER_UNREACHABLE" });
      expect(await raw.closed).toBeInstanceOf(Error);
    });
  });

  test.each([
    { by: "abort", end: (channel: Channel) => channel.abort(new Error("enough")), code: "PEER_UNREACHABLE" },
    { by: "close", end: (channel: Channel) => void channel.close(), code: undefined },
  ])("by own $by hands out nothing more, not even what is there", async ({ end, code }) => {
    await withRaw({}, async ({ bob, peer, raw, channel }) => {
      raw.writeFrame(frameOf(1));
      await arrivalOfAllBefore(peer, bob);
      end(channel);
      expect(await readAll(channel)).toEqual({ frames: [], code });
    });
  });

  test("lets a sender that was held back finish", async () => {
    await withRaw({ limits: { closeTimeoutMs: 10_000 } }, async ({ raw, channel }) => {
      const frame = frameOf(1, 64 * 1024);
      for (let n = 0; n < 40; n++) raw.writeFrame(frame);
      await hasStopped(() => raw.stream.writeBufferLength);
      expect(raw.stream.writeBufferLength).toBeGreaterThan(0);
      const closing = channel.close();
      await raw.ended();
      await raw.finish();
      expect(await raw.closed).toBeUndefined();
      await closing;
    });
  });

  test("does not wait for a peer that neither reads nor closes", async () => {
    await withRaw({}, async ({ raw, channel, bob }) => {
      raw.stream.pause();
      await channel.close();
      expect(bob.network.connections().channels).toBe(0);
      await channel.close();
    });
  });
});

describe("time", () => {
  test("a stream on which nothing happens is closed", async () => {
    await withRaw({ limits: { idleTimeoutMs: 200 } }, async ({ raw, channel }) => {
      raw.writeFrame(frameOf(1));
      expect(await readAll(channel)).toEqual({ frames: [frameOf(1)], code: undefined });
      await raw.ended();
    });
  });

  test("a stream that never says anything is reset", async () => {
    await withRaw({ limits: { firstFrameTimeoutMs: 200 } }, async ({ raw, channel }) => {
      expect((await readAll(channel)).code).toBe("TIMED_OUT");
      expect(await raw.closed).toBeInstanceOf(Error);
    });
  });

  test("a frame that trickles in is cut off, whatever comes of it", async () => {
    await withRaw({ limits: { frameTimeoutMs: 500 } }, async ({ bob, raw, channel }) => {
      raw.writeFrame(frameOf(1));
      raw.writeFrame(new Uint8Array(0), { length: 1000 });
      const trickle = setInterval(() => raw.stream.status === "open" && raw.write(Uint8Array.of(1)), 100);
      expect(await readAll(channel)).toEqual({ frames: [frameOf(1)], code: "TIMED_OUT" });
      expect(await raw.closed).toBeInstanceOf(Error);
      clearInterval(trickle);
      bob.accept().then(echo, () => {});
      await assertStillServes(bob);
    });
  });
});
