import { describe, expect, test } from "vitest";
import { NETWORK_LIMITS } from "../../../../peer/network/limits.ts";
import { arrivalOfAllBefore, frameOf, hasStopped, readAll, withPair, withRaw } from "../../../support/channels.ts";
import { FakeTime } from "../../../support/fake-time.ts";

describe("a reader that is slow", () => {
  test("holds the sender back, and misses nothing once it reads", async () => {
    await withPair({}, async ({ from, to }) => {
      const batch = Array.from({ length: 16 }, () => frameOf(7, 64 * 1024));
      let sent = 0;
      const sending = (async () => {
        for (; sent < 64; sent++) await from.send(batch);
      })();
      await hasStopped(() => sent);
      expect(sent).toBeLessThan(16);
      const reading = readAll(to);
      await sending;
      await from.close();
      const { frames, code } = await reading;
      expect({ code, frames: frames.length }).toEqual({ code: undefined, frames: 64 * 16 });
    });
  });

  test("gets everything when it reads now and then only", async () => {
    await withPair({ limits: { closeTimeoutMs: 10_000, unreadBytes: 70_000 } }, async ({ from, to }) => {
      const batch = Array.from({ length: 16 }, (_, n) => frameOf(n, 64 * 1024));
      let sent = 0;
      const sending = (async () => {
        for (; sent < 24; sent++) await from.send(batch);
        await from.close();
      })();
      const frames: (number | undefined)[] = [];
      for await (const received of to.receive()) {
        frames.push(...received.map((frame) => frame[0]));
        if (frames.length < 40) await hasStopped(() => sent);
      }
      await sending;
      expect(frames).toEqual(Array.from({ length: 24 }, () => batch.map((frame) => frame[0])).flat());
    });
  });

  test("makes a send that is given up say so", async () => {
    await withPair({}, async ({ from }) => {
      const batch = Array.from({ length: 16 }, () => frameOf(7, 64 * 1024));
      const flood = async () => {
        const signal = AbortSignal.timeout(300);
        for (;;) await from.send(batch, signal);
      };
      await expect(flood()).rejects.toMatchObject({ code: "TIMED_OUT" });
    });
  });

  test("is not waited for beyond the idle time", async () => {
    await withRaw({ limits: { idleTimeoutMs: 400, closeTimeoutMs: 60_000 } }, async ({ raw, channel }) => {
      raw.stream.pause();
      const batch = Array.from({ length: 16 }, () => frameOf(7, 64 * 1024));
      const flood = async () => {
        for (;;) await channel.send(batch);
      };
      await expect(flood()).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
    });
  });

  test("is not blamed on the sender of a frame that was under way", async () => {
    const time = new FakeTime();
    const runtime = time.runtime("bob");
    await withRaw({ limits: { unreadBytes: 100_000 }, runtime }, async ({ bob, peer, raw, channel }) => {
      const frame = Buffer.concat([Buffer.of(0, 0, 0xea, 0x60), frameOf(1, 60_000)]);
      raw.write(Buffer.concat(Array.from({ length: 6 }, () => frame)));
      await arrivalOfAllBefore(peer, bob);
      time.pass(NETWORK_LIMITS.frameTimeoutMs + 1);
      const reading = readAll(channel);
      await raw.finish();
      expect(await reading).toMatchObject({ code: undefined, frames: { length: 6 } });
    });
  });
});
