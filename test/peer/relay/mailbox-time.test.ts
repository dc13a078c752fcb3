import { describe, expect, test } from "vitest";
import { MAILBOX_LIMITS } from "../../../shared/protocol.ts";
import { expectError } from "../../support/expect-error.ts";
import { newBox, newParcel, openTestMailbox, placesIn, type TestMailbox } from "../../support/mailbox.ts";

const NET = "192.0.2.1";
const DAY_MS = 24 * 3_600_000;
const all = { after: 0, maxBytes: 2 ** 24 };

async function sweepAll({ mailbox }: TestMailbox): Promise<void> {
  while (await mailbox.sweep());
}

describe("time", () => {
  test("takes a parcel after 30 days, seen or not, and with it its room", async () => {
    const world = openTestMailbox();
    const owner = newBox();
    await world.mailbox.open(owner.contacts, NET);
    await world.mailbox.deposit({ box: owner.box, token: owner.token(), parcel: newParcel() }, NET);
    world.clock.nowMs += 20 * DAY_MS;
    await world.mailbox.open(owner.contacts, NET);
    await world.mailbox.deposit({ box: owner.box, token: owner.token(), parcel: newParcel() }, NET);
    world.clock.nowMs += 10 * DAY_MS;
    expect(placesIn(world, owner.box)).toEqual([2]);
    await sweepAll(world);
    expect(world.mailbox.totals()).toMatchObject({ parcels: 1, bytes: 2048 });
  });

  test("takes a box that nobody opened for 36 days, with all that is in it and its spent tokens", async () => {
    const world = openTestMailbox({ keepSeconds: 100 * 24 * 3600 });
    const [left, kept] = [newBox(), newBox()];
    for (const owner of [left, kept]) {
      await world.mailbox.open(owner.contacts, NET);
      for (let n = 0; n < 3; n += 1) {
        await world.mailbox.deposit({ box: owner.box, token: owner.token(), parcel: newParcel() }, NET);
      }
    }
    world.clock.nowMs += MAILBOX_LIMITS.boxLifetimeSeconds * 1000 - 1000;
    expect(placesIn(world, left.box)).toEqual([1, 2, 3]);
    await world.mailbox.open(kept.contacts, NET);
    world.clock.nowMs += 1000;
    await expectError(() => world.mailbox.page(left.box, all), "NOT_FOUND");
    await sweepAll(world);
    expect(world.mailbox.totals()).toEqual({ boxes: 1, parcels: 3, bytes: 3 * 2048, spent: 3 });
    await world.mailbox.open(left.requests, NET);
  });
});

test("a box whose time is over is its owner's again if they come before it was swept", async () => {
  const world = openTestMailbox();
  const owner = newBox();
  await world.mailbox.open(owner.contacts, NET);
  world.clock.nowMs += MAILBOX_LIMITS.boxLifetimeSeconds * 1000 + 1000;
  await expectError(() => world.mailbox.page(owner.box, all), "NOT_FOUND");
  await expectError(world.mailbox.open(owner.requests, NET), "REQUEST_INVALID", "kind");
  expect(await world.mailbox.open(owner.contacts, NET)).toEqual({ parcels: 0, bytes: 0 });
  await sweepAll(world);
  expect(world.mailbox.totals().boxes).toBe(1);
});
