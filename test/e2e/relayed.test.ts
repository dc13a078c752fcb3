import { setTimeout as after } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { canDropPackets } from "../support/capabilities.ts";
import { isReachable, startIsolatedWorld } from "../support/isolated-world.ts";
import { acquaint, hasDelivered, hasMailboxes, type Listener, listen, textsOf } from "../support/mail-people.ts";

/** What is promised: a dead relay is noticed and left, and whoever was away is reached again. */
const WITHIN_MS = 30_000;
/** The fault itself: nothing else is waited for by the clock. */
const CUT_MS = 60_000;
/** How much longer the computer sleeps than its friends wait for it. */
const LONGER_ASLEEP_MS = Number(process.env["SLEEP_SECONDS"] ?? 0) * 1000;
const TIMEOUT_MS = 90_000;

async function deliver(from: Listener, to: Listener, text: string): Promise<void> {
  const params = { to: to.person.name, text, wait: "stored", timeoutMs: WITHIN_MS } as const;
  expect(await from.calls.send(params)).toMatchObject({ state: "stored", devices: [{ path: "relay" }] });
  expect(await to.program.nextMessage(text)).toMatchObject({ path: "relay" });
}

describe.skipIf(!canDropPackets())("two who can only meet through a relay", () => {
  test("talk through it, and through another within 30 s when it dies, loudly or silently", async () => {
    const { network, relays, person } = await startIsolatedWorld();
    const [first, second] = await relays(["first", "second"], ["--roles", "nat"]);
    if (first === undefined || second === undefined) throw new Error("no relays");
    const both = [first, second];
    const [alice, bob] = await Promise.all([person("alice", both), person("bob", both)]);
    await deliver(alice, bob, "through a relay");
    await deliver(bob, alice, "and back");
    expect(await alice.calls.status()).toMatchObject({ paths: { direct: 0, punched: 0, relay: 1 } });

    await first.program.kill9();
    await deliver(alice, bob, "through the other");
    await first.start();
    await Promise.all([isReachable(alice, 2), isReachable(bob, 2)]);

    second.program.signal("SIGSTOP");
    await deliver(alice, bob, "through the first again");
    await deliver(bob, alice, "that too");
    await bob.program.stop();
    const moved = await listen(bob.person, [], network.wrapper);
    expect(moved.program.seen[0]?.["addresses"]).not.toEqual(bob.program.seen[0]?.["addresses"]);
    await deliver(alice, moved, "at a new address");
  }, 180_000);

  test(
    "are in touch within 30 s of a minute's silence: packets lost both ways or one, or a computer asleep",
    async () => {
      const { network, relays, person } = await startIsolatedWorld();
      const [bedside, gone, oneWay] = await relays(["bedside", "gone", "one-way"]);
      if (bedside === undefined || gone === undefined || oneWay === undefined) throw new Error("no relays");
      const pairs = [
        { names: ["alice", "bob"], relay: bedside },
        { names: ["carol", "dave"], relay: gone },
        { names: ["erin", "frank"], relay: oneWay },
      ] as const;
      const people = await Promise.all(
        pairs.map(async ({ names: [one, other], relay }) => {
          const pair = { from: await person(other, [relay]), to: await person(one, [relay]) };
          await Promise.all([hasMailboxes(pair.from, 1), hasMailboxes(pair.to, 1)]);
          await acquaint(pair.from, pair.to);
          return pair;
        }),
      );
      const [asleep, ...parted] = people;
      if (asleep === undefined) throw new Error("nobody sleeps");
      const { from: bob, to: alice } = asleep;

      alice.program.signal("SIGSTOP");
      network.lose({ to: [gone.port, oneWay.port], from: [gone.port] });
      const send = (from: Listener, to: Listener, text: string, wait: "queued" | "stored") =>
        from.calls.send({ to: to.person.name, text, wait, timeoutMs: WITHIN_MS });
      for (const { from, to } of people) await send(from, to, "during", "queued");
      const connections = async () => (await bob.calls.status()).paths.relay;
      await Promise.all([after(CUT_MS), expect.poll(connections, { timeout: TIMEOUT_MS }).toBe(0)]);
      await after(LONGER_ASLEEP_MS);
      for (const pair of people) expect(textsOf({ program: pair.to.program })).toEqual([]);

      network.mend();
      const wokenAtMs = performance.now();
      alice.program.signal("SIGCONT");
      const sent = people.map(({ from, to }) => send(from, to, "afterwards", "stored"));
      for (const one of await Promise.all(sent)) expect(one).toMatchObject({ state: "stored" });
      await Promise.all(people.map(({ to }) => to.program.nextMessage("afterwards", WITHIN_MS)));
      if (LONGER_ASLEEP_MS > 0) console.info(`in touch ${Math.round(performance.now() - wokenAtMs)} ms after waking`);
      for (const { from, to } of people) {
        await hasDelivered(from);
        expect(textsOf(to)).toEqual(["during", "afterwards"]);
        expect(to.program.seen.map(({ type }) => type)).not.toContain("gap");
      }
      expect(parted).toHaveLength(2);
    },
    240_000 + LONGER_ASLEEP_MS,
  );
});
