import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { expectError } from "../../support/expect-error.ts";
import { newBox, newParcel, openTestMailbox, placesIn, type TestMailbox } from "../../support/mailbox.ts";

const NET = "192.0.2.1";
const all = { after: 0, maxBytes: 2 ** 24 };

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
    expect(placesIn(world, owner.box)).toEqual([2]);
    await mailbox.deposit({ box: owner.box, token: owner.token(), parcel: newParcel() }, NET);
    expect(placesIn(world, owner.box)).toEqual([2, 4]);
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
    expect(placesIn(again, owner.box)).toEqual([2]);
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
    expect(placesIn(world, owner.box)).toEqual([1]);
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
    expect(placesIn(world, owner.box)).toEqual([1]);
    await world.mailbox.remove(owner.box, [1]);
    await world.mailbox.deposit(deposit, NET);
    expect(placesIn(world, owner.box)).toEqual([]);
  });

  test("of the same request is stored once", async () => {
    const world = openTestMailbox();
    const owner = newBox();
    await world.mailbox.open(owner.requests, NET);
    const parcel = newParcel();
    for (let n = 0; n < 3; n += 1) await world.mailbox.deposit({ box: owner.box, token: null, parcel }, NET);
    expect(placesIn(world, owner.box)).toEqual([1]);
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
    expect(placesIn(again, owner.box)).toEqual([1]);
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

  test("that the database does not take is undone, and those of the same moment are stored", async () => {
    const world = openTestMailbox();
    const { mailbox, directory } = world;
    const [faulty, sound] = [newBox(), newBox()];
    const deposit = ({ box, token }: typeof sound) =>
      mailbox.deposit({ box, token: token(), parcel: newParcel() }, NET);
    await mailbox.open(faulty.contacts, NET);
    await mailbox.open(sound.contacts, NET);
    await deposit(faulty);
    {
      using other = new DatabaseSync(join(directory, "mailbox.db"));
      other.prepare("UPDATE boxes SET next_place = 1 WHERE box = ?").run(faulty.box);
    }
    const outcomes = await Promise.allSettled([deposit(sound), deposit(faulty), deposit(sound)]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(placesIn(world, sound.box)).toEqual([1, 2]);
    expect(mailbox.totals()).toMatchObject({ parcels: 3, spent: 3 });
    expect(world.failures).toEqual([]);
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
    expect(placesIn(world, owner.box)).toEqual([2]);
  });
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
