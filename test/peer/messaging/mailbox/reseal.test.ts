import { expect, test } from "vitest";
import { ChatError } from "../../../../shared/errors.ts";
import { bobAway } from "../../../support/mailbox-world.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const WEEK = 7 * 24 * HOUR;

test("a parcel that waited for weeks is left under the seal of the present week", async () => {
  const { world, alice, bob, relays, part, bobBack } = await bobAway();
  for (const relay of relays) relay.refuses = new ChatError("QUOTA", "full", { reason: "box" });
  await alice.send("bob", "sealed long ago");
  await world.pass(10 * SECOND);
  const [packed] = alice.store.mailbox.parcels(bob.device);
  part();
  const back = await bobBack();
  for (let weeks = 0; weeks < 7; weeks += 1) {
    world.skip(WEEK);
    await world.pass(HOUR);
  }
  for (const relay of relays) relay.refuses = undefined;
  await world.pass(HOUR);
  expect(back.inbox()).toEqual(["hello bob", "sealed long ago"]);
  expect(relays[0]?.deposited.some((parcel) => Buffer.compare(parcel, packed?.parcel ?? parcel) === 0)).toBe(false);
  expect([alice.outbox(), alice.store.mailbox.parcels(bob.device)]).toEqual([[], []]);
});
