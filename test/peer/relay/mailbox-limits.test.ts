import { describe, expect, test } from "vitest";
import { expectError } from "../../support/expect-error.ts";
import { newBox, newParcel, openTestMailbox, placesIn } from "../../support/mailbox.ts";

const NET = "192.0.2.1";
const DAY_MS = 24 * 3_600_000;

describe("a quota", () => {
  const edges: [string, object, "contacts" | "requests", number, string][] = [
    ["parcels of a box", { parcelsPerBox: 3 }, "contacts", 3, "box"],
    ["bytes of a box", { bytesPerBox: 3 * 2048 }, "contacts", 3, "box"],
    ["bytes of a box, short of one", { bytesPerBox: 4 * 2048 - 1 }, "contacts", 3, "box"],
    ["parcels of requests", { parcelsPerRequestsBox: 2 }, "requests", 2, "requests"],
    ["bytes of requests", { bytesPerRequestsBox: 2 * 2048 }, "requests", 2, "requests"],
    ["bytes of the relay", { bytes: 5 * 2048, boxes: 1 }, "contacts", 3, "relay"],
    ["spent tokens of the relay", { spentTokens: 5, boxes: 1 }, "contacts", 3, "relay"],
    ["spent tokens of a box", { spentTokensPerBox: 3 }, "contacts", 3, "box"],
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

  test("of a box's used tokens outlives its parcels, and leaves other boxes theirs", async () => {
    const { mailbox } = openTestMailbox({ spentTokensPerBox: 2 });
    const [owner, other] = [newBox(), newBox()];
    await mailbox.open(owner.contacts, NET);
    await mailbox.open(other.contacts, NET);
    const deposit = ({ box, token }: typeof owner) =>
      mailbox.deposit({ box, token: token(), parcel: newParcel() }, NET);
    for (const place of [1, 2]) {
      await deposit(owner);
      await mailbox.remove(owner.box, [place]);
    }
    await expectError(() => deposit(owner), "QUOTA", "box");
    expect(mailbox.totals()).toMatchObject({ parcels: 0, spent: 2 });
    await deposit(other);
    expect(mailbox.totals()).toMatchObject({ parcels: 1, spent: 3 });
  });

  test.each([
    ["bytes", { bytes: 64 * 2048 }],
    ["used tokens", { spentTokens: 64 }],
  ])("of %s of the relay keeps a part for every box, whoever fills all the others", async (_, limits) => {
    const world = openTestMailbox({ ...limits, boxes: 8 });
    const { mailbox } = world;
    const owners = Array.from({ length: 8 }, () => newBox());
    for (const owner of owners) await mailbox.open(owner.contacts, NET);
    const held: number[] = [];
    for (const { box, token } of owners) {
      const deposits = Array.from({ length: 40 }, () =>
        mailbox.deposit({ box, token: token(), parcel: newParcel() }, NET),
      );
      for (const outcome of await Promise.allSettled(deposits)) {
        if (outcome.status === "rejected")
          expect(outcome).toMatchObject({ reason: { code: "QUOTA", reason: "relay" } });
      }
      held.push(placesIn(world, box).length);
    }
    expect(held).toEqual([25, 4, 4, 4, 4, 4, 4, 4]);
  });

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
    expect(placesIn(world, other.box)).toEqual([1]);
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

  test("of new boxes is another for a day", async () => {
    const { mailbox, clock } = openTestMailbox({ newBoxesPerHour: 2, newBoxesPerDay: 3 });
    const open = () => mailbox.open(newBox().contacts, NET);
    await open();
    await open();
    clock.nowMs += 3_600_000;
    await open();
    await expectError(open, "RATE_LIMITED");
    clock.nowMs += 8 * 3_600_000;
    await open();
    expect(mailbox.totals().boxes).toBe(4);
  });

  test.each([
    ["ahead", DAY_MS],
    ["back", -DAY_MS],
  ])("is the same whether or not somebody puts the clock %s", async (_, leapMs) => {
    const { mailbox, clock } = openTestMailbox(
      { otherRequestsPerSecond: 1 },
      { clock: { nowMs: DAY_MS, monotonicMs: 0 } },
    );
    for (let n = 0; n < 10; n += 1) mailbox.admit(NET);
    clock.nowMs += leapMs;
    await expectError(() => mailbox.admit(NET), "RATE_LIMITED");
    clock.monotonicMs = 1000;
    mailbox.admit(NET);
    await expectError(() => mailbox.admit(NET), "RATE_LIMITED");
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
