import { describe, expect, test } from "vitest";
import { Gossip } from "../../../peer/messaging/gossip.ts";
import type { Channel, Contact, KeyLog } from "../../../peer/messaging/ports.ts";
import { createKeyLog } from "../../../peer/naming/log/key-log.ts";
import type { DeviceId } from "../../../shared/device-id.ts";
import { ChatError, isChatError } from "../../../shared/errors.ts";
import { encodeGossip, encodeLogClaim } from "../../../shared/gossip.ts";
import { FakeTime } from "../../support/fake-time.ts";
import { openedStore } from "../../support/opened-store.ts";
import { AUDIENCE, NOW_MS, type Person, personOf } from "../../support/people.ts";
import { leavesOf, SignedLog } from "../../support/signed-log.ts";

const [small, large] = [personOf("alice"), personOf("bob")].sort((a, b) => (a.device < b.device ? -1 : 1)) as [
  Person,
  Person,
];

type Side = { gossip: Gossip; log: KeyLog; source: SignedLog; failures: unknown[]; forks: number; asked: number };

/** Two contacts, and the log that the server shows each. */
class Pair {
  readonly time = new FakeTime();
  readonly small: Side;
  readonly large: Side;
  /** What is under way between them. */
  readonly served: Promise<void>[] = [];

  constructor(shownToSmall: SignedLog, shownToLarge: SignedLog) {
    this.small = this.#side(small, large, shownToSmall, () => this.large);
    this.large = this.#side(large, small, shownToLarge, () => this.small);
  }

  #side(self: Person, other: Person, source: SignedLog, peer: () => Side): Side {
    const store = openedStore();
    const forks: unknown[] = [];
    const log = createKeyLog({
      source,
      store,
      audience: () => AUDIENCE,
      now: () => NOW_MS,
      onFork: (evidence) => void forks.push(evidence),
    });
    const failures: unknown[] = [];
    const counts = { asked: 0 };
    const gossip = new Gossip({
      self,
      contacts: { findByDevice: (device) => contactOf(device, other) },
      log,
      runtime: this.time.runtime(self.device),
      transport: async () => ({
        openGossip: async () => {
          counts.asked += 1;
          const [near, far] = pipe(self.device, other.device);
          this.served.push(peer().gossip.serve(far));
          return near;
        },
      }),
      failed: (error) => void failures.push(error),
    });
    return {
      gossip,
      log,
      source,
      failures,
      get forks() {
        return forks.length;
      },
      get asked() {
        return counts.asked;
      },
    };
  }

  async synced(): Promise<this> {
    await this.small.log.sync();
    await this.large.log.sync();
    return this;
  }
}

function contactOf(device: DeviceId, { device: known, username }: Person): Contact | undefined {
  return device === known ? ({ username } as Contact) : undefined;
}

/** Two ends of a channel. */
function pipe(a: DeviceId, b: DeviceId): [Channel, Channel] {
  const ends = [a, b].map(() => ({ frames: [] as Uint8Array[], closed: false, wake: () => {} }));
  const channel = (own: number, remote: DeviceId): Channel => {
    const [mine, theirs] = [ends[own], ends[1 - own]];
    if (mine === undefined || theirs === undefined) throw new Error("two ends");
    const end = () => {
      mine.closed = true;
      theirs.closed = true;
      mine.wake();
      theirs.wake();
    };
    return {
      remote,
      path: "direct",
      async send(frames) {
        theirs.frames.push(...frames);
        theirs.wake();
      },
      async *receive() {
        for (;;) {
          if (mine.frames.length > 0) yield mine.frames.splice(0);
          else if (mine.closed) return;
          else await new Promise<void>((resolve) => (mine.wake = resolve));
        }
      },
      close: async () => end(),
      abort: () => end(),
    };
  };
  return [channel(0, b), channel(1, a)];
}

const honest = () => new SignedLog(leavesOf(5));
const until = (condition: () => boolean) => expect.poll(condition, { timeout: 5000 }).toBe(true);

describe("when two contacts connect", () => {
  test("they agree on one log in silence, the one with the smaller id asking", async () => {
    const pair = await new Pair(honest(), honest()).synced();
    pair.small.gossip.connected(large.device);
    pair.large.gossip.connected(small.device);
    await until(() => pair.served.length === 1);
    await Promise.all(pair.served);
    expect([pair.small.asked, pair.large.asked]).toEqual([1, 0]);
    expect([...pair.small.failures, ...pair.large.failures]).toEqual([]);
  });

  test("a server that shows them two logs is caught by both", async () => {
    const fork = new SignedLog([...leavesOf(4), ...leavesOf(1, "other")]);
    const pair = await new Pair(honest(), fork).synced();
    pair.small.gossip.connected(large.device);
    await until(() => pair.small.forks === 1 && pair.large.forks === 1);
    for (const { log } of [pair.small, pair.large]) expect(log.status().forked).toBe(true);
    expect(pair.small.log.notes()).toContain(fork.noteAt());
  });

  test("the proof is passed on to a third who saw one side only", async () => {
    const fork = new SignedLog([...leavesOf(4), ...leavesOf(1, "other")]);
    const first = await new Pair(honest(), fork).synced();
    first.small.gossip.connected(large.device);
    await until(() => first.small.forks === 1);
    const second = await new Pair(honest(), honest()).synced();
    for (const note of first.small.log.notes()) await second.large.log.compare(note, small.username).catch(() => {});
    expect(second.large.log.status().forked).toBe(true);
  });

  test("what one was shown and the other is not, still not half a minute later, is told", async () => {
    const ahead = new SignedLog(leavesOf(6));
    const pair = await new Pair(honest(), ahead).synced();
    pair.small.gossip.connected(large.device);
    await until(() => pair.served.length === 1);
    await Promise.all(pair.served);
    expect(pair.small.failures).toEqual([]);
    await until(() => pair.time.timers > 0);
    pair.time.pass(30_000);
    await until(() => pair.small.failures.length === 1);
    expect(pair.small.failures[0]).toMatchObject({ code: "LOG_STALE", reason: "hidden" });
  });

  test("a server that is a moment behind is no liar", async () => {
    const late = honest();
    const pair = await new Pair(late, new SignedLog(leavesOf(6))).synced();
    pair.small.gossip.connected(large.device);
    await until(() => pair.served.length === 1);
    await Promise.all(pair.served);
    late.leaves = leavesOf(6);
    await until(() => pair.time.timers > 0);
    pair.time.pass(60_000);
    await until(() => pair.small.log.status().size === 6);
    expect(pair.small.failures).toEqual([]);
  });
});

describe("a message's claim", () => {
  test("that agrees costs nothing, and one that differs is looked into", async () => {
    const fork = new SignedLog([...leavesOf(4), ...leavesOf(1, "other")]);
    const pair = await new Pair(honest(), fork).synced();
    pair.small.gossip.claimed(large.device, encodeLogClaim({ size: 0, root: pair.small.log.status().root }));
    pair.small.gossip.claimed(large.device, pair.small.gossip.claim());
    expect(pair.small.asked).toBe(0);
    pair.small.gossip.claimed(large.device, pair.large.gossip.claim());
    await until(() => pair.small.forks === 1);
    expect(pair.small.asked).toBe(1);
  });

  test("that is a lie proves nothing", async () => {
    const pair = await new Pair(honest(), honest()).synced();
    pair.small.gossip.claimed(large.device, encodeLogClaim({ size: 5, root: new Uint8Array(32).fill(1) }));
    await until(() => pair.served.length === 1);
    await Promise.all(pair.served);
    expect(pair.small.log.status().forked).toBe(false);
    expect(pair.small.failures).toEqual([]);
  });
});

describe("who may ask", () => {
  test("a stranger is not answered", async () => {
    const { large: side } = await new Pair(honest(), honest()).synced();
    const stranger = personOf("mallory");
    const [near, far] = pipe(stranger.device, large.device);
    await near.send([encodeGossip([])]);
    await side.gossip.serve(far);
    expect(await answersOf(near)).toEqual([]);
  });

  test("a contact is answered once in ten seconds", async () => {
    const pair = await new Pair(honest(), honest()).synced();
    const ask = async () => {
      const [near, far] = pipe(small.device, large.device);
      await near.send([encodeGossip([])]);
      await pair.large.gossip.serve(far);
      return (await answersOf(near)).length;
    };
    expect([await ask(), await ask()]).toEqual([1, 0]);
    pair.time.pass(10_000);
    expect(await ask()).toBe(1);
  });

  test.each([
    ["garbage", Buffer.from("garbage")],
    ["notes that nobody signed", encodeGossip(["note", new SignedLog(leavesOf(5), "another key").noteAt()])],
  ])("%s changes nothing", async (_what, frame) => {
    const pair = await new Pair(honest(), honest()).synced();
    const [near, far] = pipe(small.device, large.device);
    await near.send([frame]);
    await pair.large.gossip.serve(far);
    expect(pair.large.log.status().forked).toBe(false);
    expect(pair.large.failures.filter((error) => !isChatError(error, "FRAME_INVALID"))).toEqual([]);
  });

  test("a server that is down meanwhile is no news", async () => {
    const pair = await new Pair(honest(), new SignedLog(leavesOf(6))).synced();
    pair.small.source.failure = new ChatError("SERVER_UNREACHABLE", "down");
    pair.small.gossip.connected(large.device);
    await until(() => pair.served.length === 1);
    await Promise.all(pair.served);
    expect(pair.small.failures).toEqual([]);
  });
});

async function answersOf(channel: Channel): Promise<Uint8Array[]> {
  const answers: Uint8Array[] = [];
  for await (const frames of channel.receive()) answers.push(...frames);
  return answers;
}
