import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { Unsteady } from "../support/conversation.ts";
import { startWorld, strangers } from "../support/p2pchat.ts";
import type { Line } from "../support/program.ts";
import { SEED } from "../support/seed.ts";

/*
 * People who write to each other while they, and the naming server, come and go. `SEED` makes another schedule,
 * `P2PCHAT_STEPS` and `P2PCHAT_MESSAGES` make it longer: 10000 messages and 20 restarts are the measure.
 */

const STEPS = Number(process.env["P2PCHAT_STEPS"] ?? 40);
const MESSAGES = Number(process.env["P2PCHAT_MESSAGES"] ?? 300);
const RESTARTS = Number(process.env["P2PCHAT_RESTARTS"] ?? 6);
const PATIENCE_MS = 60_000 + MESSAGES * 20;

/** Mulberry32: the same seed gives the same schedule. */
function dice(seed: number): (sides: number) => number {
  let state = seed >>> 0;
  return (sides) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides;
  };
}

const textsOf = (lines: readonly Line[]) => lines.map(({ text }) => text);

/** What nobody may see, whatever happened: a loss, a double, another order, a gap, a damaged database. */
async function assertWhole(people: readonly Unsteady[]): Promise<void> {
  for (const recipient of people) {
    const { lines, repeats } = recipient.shown();
    expect(repeats, `${recipient.name} saw a line again`).toBeLessThanOrEqual(recipient.kills);
    expect(recipient.troubles()).toEqual([]);
    for (const sender of people.filter((person) => person !== recipient)) {
      const accepted = sender.accepted.get(recipient.name) ?? [];
      expect(textsOf(lines.filter(({ from }) => from === sender.name))).toEqual(accepted);
      const { lines: kept } = await recipient.person.run(["history", sender.name, "--json", "--limit", "100000"]);
      expect(textsOf(kept.filter(({ from }) => from === sender.name))).toEqual(accepted);
      expect(new Set(kept.map(({ from, seq }) => `${from} ${seq}`)).size).toBe(kept.length);
    }
    using database = new DatabaseSync(join(recipient.person.profile, "chat.db"), { readOnly: true });
    expect(database.prepare("PRAGMA integrity_check").get()?.["integrity_check"]).toBe("ok");
  }
}

async function settle(people: readonly Unsteady[]): Promise<void> {
  for (const person of people) {
    const expected = people.reduce((sum, { accepted }) => sum + (accepted.get(person.name)?.length ?? 0), 0);
    await person.hasShown(expected, PATIENCE_MS);
  }
  for (const person of people) {
    await expect.poll(() => person.queued(), { timeout: PATIENCE_MS }).toBe(0);
  }
}

test(
  `${MESSAGES} messages while either side is killed ${RESTARTS} times arrive once and in order`,
  async () => {
    console.log(`SEED=${SEED}`);
    const roll = dice(SEED);
    const { alice, bob } = await strangers();
    const [sender, recipient] = [new Unsteady(alice), new Unsteady(bob)];
    await Promise.all([sender.start(), recipient.start()]);
    await recipient.send("alice", "so that alice may write more than a stranger");
    const atStake = new Set(Array.from({ length: RESTARTS }, () => roll(MESSAGES)));
    let restarting = Promise.resolve();
    for (let index = 0; index < MESSAGES; index += 1) {
      if (atStake.has(index)) {
        await restarting;
        restarting = roll(2) === 0 ? recipient.restart("kill9") : sender.restart("kill9");
        if (roll(2) === 0) await restarting;
      }
      await sender.send("bob", `message ${index}`);
    }
    await restarting;
    await settle([sender, recipient]);
    await assertWhole([sender, recipient]);
    expect(sender.accepted.get("bob")).toHaveLength(MESSAGES);
  },
  2 * PATIENCE_MS,
);

test(
  "three people who come and go by chance, and a naming server that does too, lose nothing",
  async () => {
    console.log(`SEED=${SEED}`);
    const roll = dice(SEED);
    const world = await startWorld();
    const names = ["alice", "bob", "carol"];
    const people = await Promise.all(
      names.map(async (name) => new Unsteady(await world.register(name, "--no-passphrase"))),
    );
    await Promise.all(people.map((person) => person.start()));
    for (const from of people)
      for (const to of people) if (from !== to) await from.send(to.name, `hello ${to.name}, ${from.name}`);
    let isServerUp = true;
    const some = () => people[roll(people.length)] as Unsteady;
    for (let step = 0; step < STEPS; step += 1) {
      const from = some();
      const others = people.filter((person) => person !== from);
      const chance = roll(20);
      if (chance < 2) await from.restart("kill9");
      else if (chance < 3) await from.restart("stop");
      else if (chance < 4) {
        await (isServerUp ? world.stopServer() : world.startServer());
        isServerUp = !isServerUp;
      } else {
        for (let burst = roll(8); burst >= 0; burst -= 1) {
          await from.send((others[roll(2)] as Unsteady).name, `${from.name} ${step} ${burst}`);
        }
      }
    }
    if (!isServerUp) await world.startServer();
    await settle(people);
    await assertWhole(people);
  },
  2 * PATIENCE_MS,
);
