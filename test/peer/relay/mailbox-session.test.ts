import { describe, expect, test } from "vitest";
import { MAILBOX_LIMITS } from "../../../shared/protocol.ts";
import { newBox, newParcel, openTestMailbox } from "../../support/mailbox.ts";
import { depositOf, MailboxClient, receiptOf } from "../../support/mailbox-stream.ts";

describe("a mailbox stream", () => {
  test("begins with a welcome whose challenge is new each time", async () => {
    const world = openTestMailbox();
    const [one, two] = [new MailboxClient(world), new MailboxClient(world)];
    const welcome = await one.hear("welcome");
    expect(welcome).toMatchObject({ store: world.mailbox.id, limits: { parcelsPerBox: 1000 } });
    expect((await two.hear("welcome")).challenge).not.toEqual(welcome.challenge);
  });

  test("answers requests that came together, each under its number", async () => {
    const world = openTestMailbox();
    const [alice, bob] = [new MailboxClient(world), new MailboxClient(world)];
    const owner = newBox();
    const challenge = await alice.open(owner);
    const wrong = { ...depositOf(owner, 12), token: new Uint8Array(32) };
    bob.say(depositOf(owner, 10), depositOf(owner, 11), wrong, {
      type: "fetch",
      request: 13,
      box: owner.box,
      after: 0,
    });
    for (const request of [10, 11]) expect(await bob.hear("deposited")).toMatchObject({ request });
    expect(await bob.hear("refused")).toMatchObject({ request: 12, code: "TOKEN_INVALID", reason: "mac" });
    expect(await bob.hear("refused")).toMatchObject({ request: 13, code: "NOT_FOUND" });
    alice.say({ type: "fetch", request: 2, box: owner.box, after: 0 }, receiptOf(owner, challenge, [1]), {
      type: "fetch",
      request: 3,
      box: owner.box,
      after: 0,
    });
    expect(await alice.hear("fetched")).toMatchObject({ request: 2, last: 2, more: false });
    expect(await alice.hear("fetched")).toMatchObject({ request: 3, last: 2, more: false });
    const places = alice.answers.flatMap((answer) =>
      answer.type === "parcel" ? [[answer.request, answer.place]] : [],
    );
    expect(places).toEqual([
      [2, 1],
      [2, 2],
      [3, 2],
    ]);
  });

  test("sends no more for one fetch than it may, and says that there is more", async () => {
    const world = openTestMailbox();
    const owner = newBox();
    const alice = new MailboxClient(world);
    await alice.open(owner);
    for (let n = 0; n < 12; n += 1) await world.mailbox.deposit(depositOf(owner, n, newParcel(61_440)), "x");
    alice.say({ type: "fetch", request: 2, box: owner.box, after: 0 });
    expect(await alice.hear("fetched")).toMatchObject({ last: 8, more: true });
    const sent = alice.answers.filter(({ type }) => type === "parcel").length;
    expect(sent * 61_440).toBeLessThanOrEqual(MAILBOX_LIMITS.fetchMaxBytes);
    alice.say({ type: "fetch", request: 3, box: owner.box, after: 8 });
    expect(await alice.hear("fetched")).toMatchObject({ last: 12, more: false });
  });

  test("notices once until the box is fetched", async () => {
    const world = openTestMailbox();
    const owner = newBox();
    const alice = new MailboxClient(world);
    await alice.open(owner);
    for (let n = 0; n < 3; n += 1) await world.mailbox.deposit(depositOf(owner, n), "x");
    expect(await alice.hear("notice")).toMatchObject({ box: owner.box });
    alice.say({ type: "fetch", request: 2, box: owner.box, after: 0 });
    await alice.hear("fetched");
    expect(alice.answers.filter(({ type }) => type === "notice")).toEqual([]);
    await world.mailbox.deposit(depositOf(owner, 4), "x");
    await alice.hear("notice");
  });
});
