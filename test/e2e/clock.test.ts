import { describe, expect, test } from "vitest";
import { canFakeClocks } from "../support/capabilities.ts";
import {
  ComputerClock,
  deliver,
  isPublication,
  stampedAheadSeconds,
  startClockedWorld,
} from "../support/computer-clock.ts";
import { assertionOf, putRecord, refusal, requestToken } from "../support/naming-server.ts";
import { personOf, recordTextOf } from "../support/people.ts";
import type { Line } from "../support/program.ts";

const OFFSETS = [
  ["+10m", 600],
  ["-10m", -600],
  ["+1d", 86_400],
  ["-1d", -86_400],
] as const;
/** How far a stamp may be from what it should be, in seconds. */
const SLACK = 100;

const clocksCanBeFaked = canFakeClocks();
const nowSeconds = () => Math.floor(Date.now() / 1000);
const textsIn = (lines: readonly Line[]) => lines.filter(({ type }) => type === "message").map(({ text }) => text);

describe.skipIf(!clocksCanBeFaked)("a naming server whose clock is wrong by ten minutes or a day, either way", () => {
  test("says what it takes for the time, serves all the same, and locks nobody out once it is right", async () => {
    await Promise.all(OFFSETS.map(([offset, seconds]) => goWrongAndRight(offset, seconds)));
  });

  async function goWrongAndRight(offset: string, seconds: number): Promise<void> {
    const world = await startClockedWorld();
    world.naming.clock.set(offset);
    const eve = personOf("eve", { aud: world.url });
    const record = await recordTextOf(eve, { iat: nowSeconds() });
    const refused = await putRecord(world, "eve", record);
    expect(refusal(refused), offset).toEqual({ status: 401, code: "CLOCK_SKEW" });
    const { serverTime } = refused.json as { serverTime: number };
    expect(Math.abs(serverTime - nowSeconds() - seconds), offset).toBeLessThan(SLACK);
    const [alice, bob] = await Promise.all([
      world.register("alice", "--no-passphrase"),
      world.register("bob", "--no-passphrase"),
    ]);
    const listening = await bob.listen();
    await deliver(alice, bob, listening, `while it is wrong by ${offset}`);

    const seen = world.naming.served().length;
    world.naming.clock.set("+0");
    expect((await putRecord(world, "eve", record)).status, offset).toBe(201);
    expect((await requestToken(world, await assertionOf(eve, Date.now()))).status, offset).toBe(200);
    await world.naming.untilServed(isPublication, seen);
    await deliver(await world.register("carol", "--no-passphrase"), bob, listening, `no longer wrong by ${offset}`);
    await listening.stop();
    const again = await bob.listen();
    await deliver(await world.register("dave", "--no-passphrase"), bob, again, `restarted after ${offset}`);
  }
});

describe.skipIf(!clocksCanBeFaked)("a computer whose clock is wrong", () => {
  test.each(OFFSETS)("by %s registers, sends and receives", async (offset, seconds) => {
    const world = await startClockedWorld();
    const clock = new ComputerClock();
    clock.set(offset);
    const alice = world.person("alice", clock.env);
    await alice.register("--no-passphrase");
    const bob = await world.register("bob", "--no-passphrase");
    const [atAlice, atBob] = [await alice.listen(), await bob.listen()];
    const received = await deliver(alice, bob, atBob, "from the wrong time");
    expect(Math.abs(stampedAheadSeconds(received) - seconds)).toBeLessThan(SLACK);
    await deliver(bob, alice, atAlice, "to the wrong time");
  });

  test("by a day this way, then that way, changes neither delivery nor order", async () => {
    const world = await startClockedWorld();
    const clock = new ComputerClock();
    const alice = world.person("alice", clock.env);
    await alice.register("--no-passphrase");
    const bob = await world.register("bob", "--no-passphrase");
    const listening = await bob.listen();
    const offsets = ["+1d", "-1d", "+0", "-1d", "+1d"];
    for (const [index, offset] of offsets.entries()) {
      clock.set(offset);
      expect(await deliver(alice, bob, listening, offset)).toMatchObject({ seq: index + 1 });
    }
    expect(textsIn(listening.seen)).toEqual(offsets);
    for (const [person, other] of [
      [alice, "bob"],
      [bob, "alice"],
    ] as const) {
      expect(textsIn((await person.run(["history", other, "--json"])).lines)).toEqual(offsets);
    }
  });
});
