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
import type { Person } from "../support/p2pchat.ts";
import { personOf, recordTextOf } from "../support/people.ts";

const JUMPS = [
  ["-3h", -10_800],
  ["+3h", 10_800],
  ["+1y", 365 * 86_400],
] as const;
/** How far a stamp may be from what it should be, in seconds. */
const SLACK = 100;
/** What three people ask of the naming server in half a minute, twice over. */
const MANY_REQUESTS = 40;

describe.skipIf(!canFakeClocks())("a clock that jumps three hours back or ahead, or a year ahead", () => {
  test("under somebody who listens stops no message, and causes no storm of requests", async () => {
    await Promise.all(JUMPS.map(([jump, seconds]) => jumpUnderAlice(jump, seconds)));
  });

  async function jumpUnderAlice(jump: string, seconds: number): Promise<void> {
    const world = await startClockedWorld();
    const clock = new ComputerClock();
    const alice = world.person("alice", clock.env);
    await alice.register("--no-passphrase");
    const bob = await world.register("bob", "--no-passphrase");
    const [atAlice, atBob] = [await alice.listen(), await bob.listen()];
    await deliver(alice, bob, atBob, `before ${jump}`);
    await deliver(bob, alice, atAlice, `before ${jump}`);
    const seen = world.naming.served().length;
    clock.set(jump);
    const received = await deliver(alice, bob, atBob, `after ${jump}`);
    expect(Math.abs(stampedAheadSeconds(received) - seconds), jump).toBeLessThan(SLACK);
    await deliver(bob, alice, atAlice, `after ${jump}`);
    await world.naming.untilServed(isPublication, seen);
    expect((await bob.ask(["lookup", "alice"])).line, jump).toMatchObject({ online: true });
    expect(world.naming.served().length - seen, jump).toBeLessThan(MANY_REQUESTS);
    clock.set("+0");
    await deliver(alice, bob, atBob, `back from ${jump}`);
    await deliver(bob, alice, atAlice, `back from ${jump}`);
  }

  test("keeps what is queued, and goes on trying to deliver it", async () => {
    await Promise.all(JUMPS.map(([jump]) => jumpWithQueue(jump)));
  });

  async function jumpWithQueue(jump: string): Promise<void> {
    const world = await startClockedWorld();
    const clock = new ComputerClock();
    const alice = world.person("alice", clock.env);
    await alice.register("--no-passphrase");
    const bob = await world.register("bob", "--no-passphrase");
    const daemon = await alice.listen();
    expect((await alice.send("bob", "for later", "--timeout", "3s")).exit, jump).toBe(7);
    clock.set(jump);
    const listening = await bob.listen();
    if (jump === "+1y") {
      // The MLS library opens no new session by a clock that is so wrong.
      await expect
        .poll(() => queueOf(alice), { timeout: 60_000 })
        .toMatchObject([{ state: "queued", error: "KEY_PACKAGE_INVALID" }]);
      clock.set("+0");
    }
    const received = await listening.nextMessage("for later", 60_000);
    expect(Math.abs(stampedAheadSeconds(received)), jump).toBeLessThan(SLACK);
    await expect.poll(() => queueOf(alice)).toEqual([]);
    expect(daemon.isRunning).toBe(true);
  }

  const queueOf = async (person: Person) => (await person.ask(["outbox"])).line["items"];

  test.each(JUMPS)("under the naming server, by %s, opens no used assertion again", async (jump, seconds) => {
    const world = await startClockedWorld();
    const eve = personOf("eve", { aud: world.url });
    const nowSeconds = Math.floor(Date.now() / 1000);
    expect((await putRecord(world, "eve", await recordTextOf(eve, { iat: nowSeconds }))).status).toBe(201);
    const assertion = await assertionOf(eve, Date.now());
    expect((await requestToken(world, assertion)).status).toBe(200);
    world.naming.clock.set(jump);
    expect(refusal(await requestToken(world, assertion))).toEqual({ status: 401, code: "CLOCK_SKEW" });
    const ofThatTime = await assertionOf(eve, Date.now() + seconds * 1000);
    expect((await requestToken(world, ofThatTime)).status).toBe(200);
    world.naming.clock.set("+0");
    expect(refusal(await requestToken(world, assertion))).toEqual({ status: 409, code: "TOKEN_REPLAYED" });
  });
});
