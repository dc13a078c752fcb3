import { describe, expect, test } from "vitest";
import { MAILBOX_LIMITS } from "../../../shared/protocol.ts";
import { expectError } from "../../support/expect-error.ts";
import { newBox, newParcel, openTestMailbox, type TestMailbox } from "../../support/mailbox.ts";

const NET = "192.0.2.1";
const DAY_MS = 24 * 3_600_000;
const all = { after: 0, maxBytes: 2 ** 24 };

/** What lies in a box, as the first byte of each parcel and its place. */
function placesOf({ mailbox }: TestMailbox, box: Uint8Array): number[] {
  return mailbox.page(box, all).parcels.map(({ place }) => place);
}

async function sweepAll({ mailbox }: TestMailbox): Promise<void> {
  while (await mailbox.sweep());
}

describe("a box", () => {
  test("is made by its first opening and keeps what comes, in order, until its owner removes it", async () => {
    const world = openTestMailbox();
    const { mailbox } = world;
    const owner = newBox();
    expect(await mailbox.open(owner.contacts, NET)).toEqual({ parcels: 0, bytes: 0 });
    const parcels = [newParcel(2048), newParcel(8192), newParcel(61_440)];
    for (const parcel of parcels) await mailbox.deposit({ box: owner.box, token: owner.token(), parcel }, NET);
    expect(await mailbox.open(owner.contacts, NET)).toEqual({ parcels: 3, bytes: 2048 + 8192 + 61_440 });
    const { parcels: found, more } = mailbox.page(owner.box, all);
    expect(found.map(({ place }) => place)).toEqual([1, 2, 3]);
    expect(found.map(({ parcel }) => Buffer.from(parcel))).toEqual(parcels.map((parcel) => Buffer.from(parcel)));
    expect(more).toBe(false);
    await mailbox.remove(owner.box, [1, 3, 99]);
    expect(placesOf(world, owner.box)).toEqual([2]);
    await mailbox.deposit({ box: owner.box, token: owner.token(), parcel: newParcel() }, NET);
    expect(placesOf(world, owner.box)).toEqual([2, 4]);
    expect(mailbox.totals()).toEqual({ boxes: 1, parcels: 2, bytes: 8192 + 2048, spent: 4 });
  });

  test("gives no place twice, though everything was removed and the program started again", async () => {
    const first = openTestMailbox();
    const owner = newBox();
    await first.mailbox.open(owner.contacts, NET);
    await first.mailbox.deposit({ box: owner.box, token: owner.token(), parcel: newParcel() }, NET);
    await first.mailbox.remove(owner.box, [1]);
    first.close();
    const again = openTestMailbox({}, first);
    expect(again.mailbox.id).toEqual(first.mailbox.id);
    await again.mailbox.deposit({ box: owner.box, token: owner.token(), parcel: newParcel() }, NET);
    expect(placesOf(again, owner.box)).toEqual([2]);
    expect(openTestMailbox().mailbox.id).not.toEqual(first.mailbox.id);
  });

  test("is read in pages that end at the limit and never are empty while there is more", async () => {
    const { mailbox } = openTestMailbox();
    const owner = newBox();
    await mailbox.open(owner.contacts, NET);
    for (let n = 0; n < 5; n += 1) {
      await mailbox.deposit({ box: owner.box, token: owner.token(), parcel: newParcel(8192) }, NET);
    }
    const page = (after: number, maxBytes: number) => {
      const { parcels, more } = mailbox.page(owner.box, { after, maxBytes });
      return [parcels.map(({ place }) => place), more];
    };
    expect(page(0, 20_000)).toEqual([[1, 2], true]);
    expect(page(2, 16_384)).toEqual([[3, 4], true]);
    expect(page(4, 1)).toEqual([[5], false]);
    expect(page(5, 1)).toEqual([[], false]);
  });

  const others: [string, (owner: ReturnType<typeof newBox>) => Parameters<TestMailbox["mailbox"]["open"]>[0]][] = [
    ["another token key", ({ contacts }) => ({ ...contacts, tokenKey: new Uint8Array(32) })],
    ["another kind", ({ requests }) => requests],
    ["a kind that its token key does not fit", ({ contacts }) => ({ ...contacts, kind: "requests" })],
  ];
  test.each(others)("does not open with %s, and stays as it was", async (_, other) => {
    const world = openTestMailbox();
    const owner = newBox();
    await world.mailbox.open(owner.contacts, NET);
    await expectError(() => world.mailbox.open(other(owner), NET), "REQUEST_INVALID", "kind");
    await world.mailbox.deposit({ box: owner.box, token: owner.token(), parcel: newParcel() }, NET);
    expect(placesOf(world, owner.box)).toEqual([1]);
  });

  test("that nobody made does not exist, for whoever reads, writes or removes", async () => {
    const { mailbox } = openTestMailbox();
    const { box, token } = newBox();
    await expectError(() => mailbox.deposit({ box, token: token(), parcel: newParcel() }, NET), "NOT_FOUND");
    await expectError(() => mailbox.page(box, all), "NOT_FOUND");
    await expectError(() => mailbox.remove(box, [1]), "NOT_FOUND");
    expect(mailbox.totals()).toEqual({ boxes: 0, parcels: 0, bytes: 0, spent: 0 });
  });

  test("of the other kind looks like none to whoever has or lacks a token", async () => {
    const { mailbox } = openTestMailbox();
    const [contacts, requests] = [newBox(), newBox()];
    await mailbox.open(contacts.contacts, NET);
    await mailbox.open(requests.requests, NET);
    await expectError(() => mailbox.deposit({ box: contacts.box, token: null, parcel: newParcel() }, NET), "NOT_FOUND");
    const token = requests.token();
    await expectError(() => mailbox.deposit({ box: requests.box, token, parcel: newParcel() }, NET), "NOT_FOUND");
    expect(mailbox.totals().parcels).toBe(0);
  });
});

describe("a deposit", () => {
  test("of the same parcel with the same token is good again, also once it was removed, and stored once", async () => {
    const world = openTestMailbox();
    const owner = newBox();
    await world.mailbox.open(owner.contacts, NET);
    const deposit = { box: owner.box, token: owner.token(), parcel: newParcel() };
    await Promise.all([world.mailbox.deposit(deposit, NET), world.mailbox.deposit(deposit, NET)]);
    expect(placesOf(world, owner.box)).toEqual([1]);
    await world.mailbox.remove(owner.box, [1]);
    await world.mailbox.deposit(deposit, NET);
    expect(placesOf(world, owner.box)).toEqual([]);
  });

  test("of the same request is stored once", async () => {
    const world = openTestMailbox();
    const owner = newBox();
    await world.mailbox.open(owner.requests, NET);
    const parcel = newParcel();
    for (let n = 0; n < 3; n += 1) await world.mailbox.deposit({ box: owner.box, token: null, parcel }, NET);
    expect(placesOf(world, owner.box)).toEqual([1]);
  });

  test("of another parcel with a token that was used is refused, also in the same moment and after a restart", async () => {
    const first = openTestMailbox();
    const owner = newBox();
    await first.mailbox.open(owner.contacts, NET);
    const token = owner.token();
    const deposits = [newParcel(), newParcel()].map((parcel) => ({ box: owner.box, token, parcel }));
    const outcomes = await Promise.allSettled(deposits.map((deposit) => first.mailbox.deposit(deposit, NET)));
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    first.close();
    const again = openTestMailbox({}, first);
    await expectError(
      () => again.mailbox.deposit({ box: owner.box, token, parcel: newParcel() }, NET),
      "TOKEN_REPLAYED",
    );
    expect(placesOf(again, owner.box)).toEqual([1]);
  });

  test("with a token of another box, or one that is made up, is refused", async () => {
    const world = openTestMailbox();
    const [owner, other] = [newBox(), newBox()];
    await world.mailbox.open(owner.contacts, NET);
    for (const token of [other.token(), new Uint8Array(32)]) {
      const deposit = { box: owner.box, token, parcel: newParcel() };
      await expectError(() => world.mailbox.deposit(deposit, NET), "TOKEN_INVALID", "mac");
    }
    expect(world.mailbox.totals()).toMatchObject({ parcels: 0, spent: 0 });
  });

  test("does not spend its token where there is no room", async () => {
    const world = openTestMailbox({ parcelsPerBox: 1 });
    const owner = newBox();
    await world.mailbox.open(owner.contacts, NET);
    const fill = () => ({ box: owner.box, token: owner.token(), parcel: newParcel() });
    await world.mailbox.deposit(fill(), NET);
    const second = fill();
    await expectError(() => world.mailbox.deposit(second, NET), "QUOTA", "box");
    await world.mailbox.remove(owner.box, [1]);
    await world.mailbox.deposit({ ...second, parcel: newParcel() }, NET);
    expect(placesOf(world, owner.box)).toEqual([2]);
  });
});

describe("a quota", () => {
  const edges: [string, object, "contacts" | "requests", number, string][] = [
    ["parcels of a box", { parcelsPerBox: 3 }, "contacts", 3, "box"],
    ["bytes of a box", { bytesPerBox: 3 * 2048 }, "contacts", 3, "box"],
    ["bytes of a box, short of one", { bytesPerBox: 4 * 2048 - 1 }, "contacts", 3, "box"],
    ["parcels of requests", { parcelsPerRequestsBox: 2 }, "requests", 2, "requests"],
    ["bytes of requests", { bytesPerRequestsBox: 2 * 2048 }, "requests", 2, "requests"],
    ["bytes of the relay", { bytes: 3 * 2048 }, "contacts", 3, "relay"],
    ["spent tokens of the relay", { spentTokens: 3 }, "contacts", 3, "relay"],
  ];
  test.each(edges)(
    "of %s lets in exactly so much, however many come at once",
    async (_, limits, kind, room, reason) => {
      const world = openTestMailbox(limits);
      const owner = newBox();
      await world.mailbox.open(owner[kind], NET);
      const deposits = Array.from({ length: 6 }, () => {
        const token = kind === "contacts" ? owner.token() : null;
        return world.mailbox.deposit({ box: owner.box, token, parcel: newParcel() }, NET);
      });
      const outcomes = await Promise.allSettled(deposits);
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(room);
      for (const outcome of outcomes.slice(room)) {
        expect(outcome).toMatchObject({ reason: { code: "QUOTA", reason } });
      }
      expect(world.mailbox.totals().parcels).toBe(room);
    },
  );

  test("of boxes holds for new ones, not for those that are there", async () => {
    const { mailbox } = openTestMailbox({ boxes: 1 });
    const [first, second] = [newBox(), newBox()];
    await mailbox.open(first.contacts, NET);
    await expectError(() => mailbox.open(second.contacts, NET), "QUOTA", "relay");
    await mailbox.open(first.contacts, NET);
    expect(mailbox.totals().boxes).toBe(1);
  });

  test("of one box leaves the others theirs", async () => {
    const world = openTestMailbox({ parcelsPerBox: 1 });
    const [full, other] = [newBox(), newBox()];
    for (const owner of [full, other]) {
      await world.mailbox.open(owner.contacts, NET);
      await world.mailbox.deposit({ box: owner.box, token: owner.token(), parcel: newParcel() }, NET);
    }
    expect(placesOf(world, other.box)).toEqual([1]);
  });
});

describe("a rate", () => {
  test("of new boxes holds for each network, and comes back with time", async () => {
    const { mailbox, clock } = openTestMailbox({ newBoxesPerHour: 2 });
    const open = (network: string) => mailbox.open(newBox().contacts, network);
    await open(NET);
    await open(NET);
    await expectError(() => open(NET), "RATE_LIMITED");
    await open("192.0.2.2");
    clock.nowMs += 3_600_000 / 2;
    await open(NET);
    await expectError(() => open(NET), "RATE_LIMITED");
    expect(mailbox.totals().boxes).toBe(4);
  });

  test("of deposits and of other requests holds for each network", async () => {
    const { mailbox } = openTestMailbox({ depositsPerSecond: 1, otherRequestsPerSecond: 1 });
    const owner = newBox();
    await mailbox.open(owner.contacts, NET);
    const deposit = (network: string) =>
      mailbox.deposit({ box: owner.box, token: owner.token(), parcel: newParcel() }, network);
    for (let n = 0; n < 10; n += 1) await deposit(NET);
    await expectError(() => deposit(NET), "RATE_LIMITED");
    await deposit("192.0.2.2");
    for (let n = 0; n < 10; n += 1) mailbox.admit(NET);
    await expectError(() => mailbox.admit(NET), "RATE_LIMITED");
    expect(mailbox.totals().parcels).toBe(11);
  });
});

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
    expect(placesOf(world, owner.box)).toEqual([2]);
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
    expect(placesOf(world, left.box)).toEqual([1, 2, 3]);
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

describe("a notice", () => {
  test("comes once a parcel is stored, to whoever watches the box, and for nothing that was there", async () => {
    const { mailbox } = openTestMailbox();
    const [owner, other] = [newBox(), newBox()];
    await mailbox.open(owner.contacts, NET);
    await mailbox.open(other.contacts, NET);
    const seen: string[] = [];
    const unwatch = mailbox.watch(owner.box, () => seen.push("one"));
    mailbox.watch(owner.box, () => seen.push("two"));
    const deposit = { box: owner.box, token: owner.token(), parcel: newParcel() };
    await mailbox.deposit(deposit, NET);
    await mailbox.deposit(deposit, NET);
    await mailbox.deposit({ box: other.box, token: other.token(), parcel: newParcel() }, NET);
    expect(seen).toEqual(["one", "two"]);
    unwatch();
    await mailbox.deposit({ box: owner.box, token: owner.token(), parcel: newParcel() }, NET);
    expect(seen).toEqual(["one", "two", "two"]);
  });
});
