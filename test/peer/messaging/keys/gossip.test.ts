import { describe, expect, test } from "vitest";
import type { Channel } from "../../../../peer/messaging/ports/transport.ts";
import { ChatError, isChatError } from "../../../../shared/errors.ts";
import { encodeGossip, encodeLogClaim } from "../../../../shared/gossip.ts";
import { large, GossipingPair as Pair, pipe, small } from "../../../support/gossiping-pair.ts";
import { personOf } from "../../../support/people.ts";
import { leavesOf, SignedLog } from "../../../support/signed-log.ts";

const honest = () => new SignedLog(leavesOf(5));
const until = (condition: () => boolean) => expect.poll(condition).toBe(true);

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

  test("a look that is due is not put off by whoever shows such notes again and again", async () => {
    const pair = await new Pair(honest(), new SignedLog(leavesOf(6))).synced();
    for (let times = 0; times < 3; times += 1) {
      pair.small.gossip.connected(large.device);
      await until(() => pair.served.length === times + 1);
      await until(() => pair.time.timers > 0);
      pair.time.pass(10_000);
    }
    await until(() => pair.small.failures.length === 1);
    expect(pair.small.failures[0]).toMatchObject({ code: "LOG_STALE", reason: "hidden" });
  });

  test("what is compared when the program stops leaves no timer behind", async () => {
    const pair = await new Pair(honest(), new SignedLog(leavesOf(6))).synced();
    const { gossip, source } = pair.large;
    const [near, far] = pipe(small.device, large.device);
    await near.send([encodeGossip([new SignedLog(leavesOf(7)).noteAt()])]);
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<string>();
    source.checkpoint = () => {
      asked.resolve();
      return answer.promise;
    };
    const served = gossip.serve(far);
    await asked.promise;
    gossip.stop();
    answer.resolve(source.noteAt());
    await served;
    expect(pair.time.timers).toBe(0);
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

  test("of a longer log is looked at again once this side has come that far", async () => {
    const fork = new SignedLog([...leavesOf(5), ...leavesOf(1, "other")]);
    const pair = await new Pair(honest(), fork).synced();
    const { gossip, source, log } = pair.small;
    gossip.claimed(large.device, pair.large.gossip.claim());
    source.leaves = leavesOf(6);
    await log.sync();
    gossip.claimed(large.device, pair.large.gossip.claim());
    await until(() => pair.small.forks === 1);
  });

  test("makes no flood of questions out of a flood of messages, whatever the server answers", async () => {
    const pair = new Pair(honest(), honest());
    const { gossip, source } = pair.small;
    source.failure = new ChatError("SERVER_UNREACHABLE", "down");
    let asked = 0;
    source.key = async () => {
      asked += 1;
      throw source.failure;
    };
    for (let size = 100; size < 200; size += 1) {
      gossip.claimed(large.device, encodeLogClaim({ size, root: new Uint8Array(32) }));
      await new Promise(setImmediate);
    }
    expect(asked).toBe(1);
    pair.time.pass(10_000);
    gossip.claimed(large.device, encodeLogClaim({ size: 200, root: new Uint8Array(32) }));
    expect(asked).toBe(2);
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

  test("a contact who is blocked is neither answered nor asked", async () => {
    const pair = await new Pair(honest(), honest()).synced();
    pair.blocked = true;
    const [near, far] = pipe(small.device, large.device);
    await near.send([encodeGossip([])]);
    await pair.large.gossip.serve(far);
    pair.small.gossip.connected(large.device);
    pair.small.gossip.claimed(large.device, encodeLogClaim({ size: 5, root: new Uint8Array(32) }));
    expect([await answersOf(near), pair.small.asked]).toEqual([[], 0]);
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
