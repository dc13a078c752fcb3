import { describe, expect, test } from "vitest";
import { encodeMailboxFrame } from "../../../shared/mailbox-frames.ts";
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

  test("fetches no more for one network than it may in an hour, and says how far it came", async () => {
    const world = openTestMailbox({ fetchedBytesPerHour: 300 * 1024 });
    const owner = newBox();
    const alice = new MailboxClient(world);
    await alice.open(owner);
    for (let n = 0; n < 5; n += 1) await world.mailbox.deposit(depositOf(owner, n, newParcel(61_440)), "x");
    alice.say({ type: "fetch", request: 2, box: owner.box, after: 0 });
    expect(await alice.hear("fetched")).toMatchObject({ last: 5, more: false });
    alice.answers.length = 0;
    alice.say({ type: "fetch", request: 3, box: owner.box, after: 0 });
    expect(await alice.hear("refused")).toMatchObject({ request: 3, code: "RATE_LIMITED" });
    expect(alice.answers).toEqual([]);
    await expect.poll(() => alice.time.timers).toBe(1);
    world.clock.nowMs += 30 * 60_000;
    alice.time.pass(1000);
    alice.say({ type: "fetch", request: 4, box: owner.box, after: 0 });
    expect(await alice.hear("fetched")).toMatchObject({ request: 4, last: 2, more: true });
  });

  test("is not read for a second after asking too fast", async () => {
    const world = openTestMailbox({ depositsPerSecond: 1 });
    const owner = newBox();
    await world.mailbox.open(owner.contacts, "x");
    const bob = new MailboxClient(world);
    await bob.hear("welcome");
    bob.sayBytes(...Array.from({ length: 11 }, (_, n) => encodeMailboxFrame(depositOf(owner, n))));
    expect(await bob.hear("refused")).toMatchObject({ request: 10, code: "RATE_LIMITED" });
    const idle = 1;
    await expect.poll(() => bob.time.timers).toBe(idle + 1);
    world.clock.nowMs += 1000;
    bob.say(depositOf(owner, 11));
    const carol = new MailboxClient(world, "192.0.2.2");
    carol.say(depositOf(owner, 1));
    await carol.hear("deposited");
    expect(bob.answers.filter((answer) => "request" in answer && answer.request === 11)).toEqual([]);
    bob.time.pass(1000);
    await expect.poll(() => bob.answers).toContainEqual(expect.objectContaining({ type: "deposited", request: 11 }));
  });
});
