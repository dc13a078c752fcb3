import { describe, expect, test } from "vitest";
import { ChatError } from "../../../../shared/errors.ts";
import { bobAway, openMailbox } from "../../../support/mailbox-world.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** Of alice and bob, in one week, at one relay. */
const BOXES = 4;

/** Alice has left "one" and "two" for bob, the first in a parcel of its own. */
async function bobAwayWithTwo() {
  const away = await bobAway();
  for (const text of ["one", "two"]) {
    await away.alice.send("bob", text);
    await away.world.pass(5 * SECOND);
  }
  const [relay] = away.relays;
  if (relay === undefined) throw new Error("no relay");
  return { ...away, relay, first: relay.deposited.at(-2) };
}

describe("a lying relay", () => {
  test("that gives a parcel which came too early ever new places is not believed for longer than a minute", async () => {
    const { world, relay, first, part, bobBack } = await bobAwayWithTwo();
    let shift = 0;
    relay.tamper = (parcels) => {
      shift += 1000;
      return parcels.flatMap(({ place, parcel }) => (parcel === first ? [] : [{ place: place + shift, parcel }]));
    };
    part();
    const back = await bobBack();
    await world.pass(5 * MINUTE);
    expect(back.inbox()).toEqual(["hello bob", "one", "two"]);
  });

  test("that shows a parcel once and never again is not asked every ten seconds for good", async () => {
    const { world, alice, relay, first, part, bobBack } = await bobAwayWithTwo();
    let fetches = 0;
    relay.tamper = (parcels) => {
      fetches += 1;
      return fetches > 4 ? [] : parcels.filter(({ parcel }) => parcel !== first);
    };
    world.kill(alice);
    part();
    await bobBack();
    await world.pass(2 * MINUTE);
    const before = fetches;
    await world.pass(10 * MINUTE);
    expect(fetches - before).toBeLessThan(10);
  });

  test("that gives notice after every fetch is read once a second, and at once where it rarely does", async () => {
    const { world, alice, relays, part, bobBack } = await bobAway();
    const [relay] = relays;
    if (relay === undefined) throw new Error("no relay");
    part();
    const bob = await bobBack();
    await world.pass(MINUTE);
    let fetches = 0;
    relay.tamper = (parcels) => {
      fetches += 1;
      relay.notify();
      return parcels;
    };
    relay.notify();
    await world.pass(MINUTE);
    expect(fetches).toBeLessThan(BOXES * (20 + 60 + 2));
    relay.tamper = (parcels) => parcels;
    await world.pass(MINUTE);
    await alice.send("bob", "at once");
    await world.pass(2 * SECOND);
    expect(bob.inbox()).toEqual(["hello bob", "at once"]);
  });

  test("that ends every connection as soon as its boxes are open is not called without a pause", async () => {
    const world = new MessagingWorld();
    const bob = await world.start("bob");
    const relay = world.relay("relay-one");
    relay.tamper = (parcels) => {
      relay.goDown();
      relay.comeBack();
      return parcels;
    };
    await openMailbox(world, bob, [relay]);
    await world.pass(10 * MINUTE);
    expect(relay.connections).toBeLessThan(20 + 10 * 60 + 5);
  });

  test("that answers nothing keeps nobody from stopping", async () => {
    const { world, alice, relays, bobBack } = await bobAway();
    const bob = await bobBack();
    for (const relay of relays) relay.isSilent = true;
    world.kill(alice);
    await world.pass(10 * MINUTE);
    await bob.stop();
    expect(bob.failures).toEqual([]);
  });

  test("that comes and goes does not change where people leave parcels", async () => {
    const world = new MessagingWorld();
    const published: string[] = [];
    const { publishMailbox } = world.directory;
    world.directory.publishMailbox = (record) => {
      published.push(record);
      return publishMailbox(record);
    };
    const bob = await world.start("bob");
    const relays = ["relay-one", "relay-two", "relay-three"].map((name) => world.relay(name));
    await openMailbox(world, bob, relays);
    await world.pass(MINUTE);
    const before = published.length;
    for (let times = 0; times < 5; times += 1) {
      relays[0]?.goDown();
      await world.pass(2 * MINUTE);
      relays[0]?.comeBack();
      await world.pass(2 * MINUTE);
    }
    expect(published.length).toBe(before);
  });
});

describe("a list of relays", () => {
  test("that names better ones moves nobody off relays that work", async () => {
    const world = new MessagingWorld();
    const bob = await world.start("bob");
    const [one, two, made] = ["relay-one", "relay-two", "relay-made-up"].map((name) => world.relay(name));
    if (one === undefined || two === undefined || made === undefined) throw new Error("no relays");
    await openMailbox(world, bob, [one, two]);
    bob.mailbox.use([made, one, two].map(({ address }) => address));
    await world.pass(10 * MINUTE);
    expect(bob.mailbox.status()).toEqual([one, two].map(({ address }) => ({ relay: address, open: true })));
    expect(made.connections).toBe(0);
  });

  test("that forgets a relay for a while keeps nobody from reading there", async () => {
    const { world, alice, relays, part, bobBack } = await bobAway(["relay-one", "relay-two"]);
    part();
    const back = await bobBack();
    back.mailbox.use(relays.slice(1).map(({ address }) => address));
    await alice.send("bob", "where you said");
    await world.pass(MINUTE);
    expect(back.inbox()).toEqual(["hello bob", "where you said"]);
    expect(alice.outbox()).toEqual([]);
  });
});

describe("tokens", () => {
  test("are not all shown to a relay that calls each of them spent", async () => {
    const { world, alice, relays } = await bobAway();
    const [relay] = relays;
    if (relay === undefined) throw new Error("no relay");
    relay.refuses = new ChatError("TOKEN_REPLAYED", "spent");
    relay.tokensShown.clear();
    await alice.send("bob", "for how much?");
    await world.pass(100);
    expect(relay.tokensShown.size).toBe(3);
  });
});
