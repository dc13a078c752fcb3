import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDatabase } from "../../../peer/history/database.ts";
import { MAILBOX_MIGRATIONS } from "../../../peer/relay/mailbox-schema.ts";
import { MAILBOX_LIMITS } from "../../../shared/protocol.ts";
import { expectError } from "../../support/expect-error.ts";
import { newBox, newParcel, openTestMailbox, placesIn, type TestMailbox } from "../../support/mailbox.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

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

describe("a relay that starts with another clock", () => {
  const YEARS_MS = 10 * 365 * DAY_MS;

  /** The same directory in another process, whose clock says so much more. */
  function startAgain({ close, clock, directory }: TestMailbox, laterMs: number, limits = {}): TestMailbox {
    close();
    return openTestMailbox(limits, { directory, clock: { nowMs: clock.nowMs + laterMs, monotonicMs: 0 } });
  }

  /** A relay that ran for a while, with one parcel in a box. */
  async function relayInUse(nowMs = 1_800_000_000_000) {
    const world = openTestMailbox({}, { clock: { nowMs } });
    const owner = newBox();
    await world.mailbox.open(owner.contacts, NET);
    await world.mailbox.deposit({ box: owner.box, token: owner.token(), parcel: newParcel() }, NET);
    await sweepAll(world);
    return { world, owner };
  }

  function pass(world: TestMailbox, ms: number): void {
    world.clock.nowMs += ms;
    world.clock.monotonicMs = (world.clock.monotonicMs ?? 0) + ms;
  }

  test("far ahead deletes nothing of what it keeps, and a day of its time has gone by", async () => {
    const { world, owner } = await relayInUse();
    const again = startAgain(world, YEARS_MS);
    await sweepAll(again);
    expect(placesIn(again, owner.box)).toEqual([1]);
    pass(again, 29 * DAY_MS - 1000);
    await sweepAll(again);
    expect(placesIn(again, owner.box)).toEqual([1]);
    pass(again, 1000);
    await sweepAll(again);
    expect([placesIn(again, owner.box), again.mailbox.totals().parcels]).toEqual([[], 0]);
  });

  test("far ahead, again and again, deletes nothing either", async () => {
    const { world, owner } = await relayInUse();
    let again = startAgain(world, YEARS_MS);
    for (let n = 0; n < 50; n += 1) {
      await sweepAll(again);
      again = startAgain(again, 0);
    }
    expect(placesIn(again, owner.box)).toEqual([1]);
  });

  test("far ahead gives no box more room than it has", async () => {
    const { world, owner } = await relayInUse();
    const again = startAgain(world, YEARS_MS, { parcelsPerBox: 1 });
    await sweepAll(again);
    const deposit = { box: owner.box, token: owner.token(), parcel: newParcel() };
    await expectError(again.mailbox.deposit(deposit, NET), "QUOTA", "box");
    expect(again.mailbox.totals()).toMatchObject({ boxes: 1, parcels: 1 });
  });

  test("right again after one far behind keeps what came meanwhile", async () => {
    const { world, owner } = await relayInUse(1000);
    const again = startAgain(world, 1_800_000_000_000);
    await sweepAll(again);
    expect(placesIn(again, owner.box)).toEqual([1]);
  });

  test("right again after one far ahead keeps what came meanwhile for as long as anything", async () => {
    const { world } = await relayInUse();
    const ahead = startAgain(world, YEARS_MS);
    const owner = newBox();
    await ahead.mailbox.open(owner.contacts, NET);
    await ahead.mailbox.deposit({ box: owner.box, token: owner.token(), parcel: newParcel() }, NET);
    const again = startAgain(ahead, -YEARS_MS);
    pass(again, 29 * DAY_MS);
    expect(placesIn(again, owner.box)).toEqual([1]);
    pass(again, 8 * DAY_MS);
    await sweepAll(again);
    expect(again.mailbox.totals()).toEqual({ boxes: 0, parcels: 0, bytes: 0, spent: 0 });
  });

  test("far ahead deletes nothing of what an older version left behind", async () => {
    const directory = temporaryDirectory();
    const seconds = 1_800_000_000;
    const older = openDatabase(join(directory, "mailbox.db"), { migrations: MAILBOX_MIGRATIONS.slice(0, 1) });
    const { contacts, box } = newBox();
    const insertBox = "INSERT INTO boxes (id, box, kind, token_key, expires_at) VALUES (1, ?, 'contacts', ?, ?)";
    older.prepare(insertBox).run(box, contacts.tokenKey, seconds + MAILBOX_LIMITS.boxLifetimeSeconds);
    const insertParcel =
      "INSERT INTO parcels (box_id, place, stored_at, hash, size, parcel) VALUES (1, 1, ?, x'00', 2048, ?)";
    older.prepare(insertParcel).run(seconds, newParcel());
    older.close();
    const world = openTestMailbox({}, { directory, clock: { nowMs: seconds * 1000 + YEARS_MS, monotonicMs: 0 } });
    await sweepAll(world);
    expect(placesIn(world, box)).toEqual([1]);
  });
});
