import { describe, expect, test } from "vitest";
import { encodeMailboxFrame } from "../../../shared/mailbox-frames.ts";
import { newBox, openTestMailbox } from "../../support/mailbox.ts";
import { depositOf, MailboxClient, openingOf, receiptOf } from "../../support/mailbox-stream.ts";

describe("a signature", () => {
  test("heard on another stream opens nothing", async () => {
    const world = openTestMailbox();
    const owner = newBox();
    const [alice, mallory] = [new MailboxClient(world), new MailboxClient(world)];
    const { challenge } = await alice.hear("welcome");
    await mallory.hear("welcome");
    mallory.say(openingOf(owner, challenge));
    expect(await mallory.hear("refused")).toMatchObject({ code: "SIGNATURE_INVALID" });
    expect(world.mailbox.totals().boxes).toBe(0);
  });

  test("of another key, or heard elsewhere, removes nothing", async () => {
    const world = openTestMailbox();
    const [owner, mallory] = [newBox(), newBox()];
    const [alice, other] = [new MailboxClient(world), new MailboxClient(world)];
    const challenge = await alice.open(owner);
    await world.mailbox.deposit(depositOf(owner, 1), "x");
    await other.open(mallory);
    other.say(receiptOf(owner, challenge, [1]));
    expect(await other.hear("refused")).toMatchObject({ code: "SIGNATURE_INVALID" });
    alice.say(receiptOf(owner, challenge, [1], mallory));
    expect(await alice.hear("refused")).toMatchObject({ code: "SIGNATURE_INVALID" });
    expect(world.mailbox.totals().parcels).toBe(1);
    alice.say(receiptOf(owner, challenge, [1]));
    await alice.hear("deleted");
    expect(world.mailbox.totals().parcels).toBe(0);
  });

  test("forged again and again ends the stream, and no other", async () => {
    const world = openTestMailbox();
    const [alice, mallory] = [new MailboxClient(world), new MailboxClient(world)];
    const owner = newBox();
    await mallory.hear("welcome");
    for (let n = 0; n < 8; n += 1) mallory.say(openingOf(owner, new Uint8Array(32)));
    await mallory.ended;
    expect(mallory.aborted).toMatchObject({ code: "SIGNATURE_INVALID" });
    await alice.open(owner);
    expect(alice.aborted).toBeUndefined();
  });

  test("under a box that is no key is refused like any other", async () => {
    const world = openTestMailbox();
    const client = new MailboxClient(world);
    const { challenge } = await client.hear("welcome");
    client.say({ ...openingOf(newBox(), challenge), box: new Uint8Array(32) });
    expect(await client.hear("refused")).toMatchObject({ code: "SIGNATURE_INVALID" });
  });
});

describe("a stream ends", () => {
  test.each([
    ["garbage", Uint8Array.of(1, 2, 3)],
    ["an answer", encodeMailboxFrame({ type: "deposited", request: 1 })],
  ])("with %s, and what came before it counts", async (_, bytes) => {
    const world = openTestMailbox();
    const owner = newBox();
    await world.mailbox.open(owner.contacts, "x");
    const client = new MailboxClient(world);
    client.sayBytes(encodeMailboxFrame(depositOf(owner, 1)), bytes);
    await client.ended;
    expect(client.aborted).toMatchObject({ code: "FRAME_INVALID" });
    await expect.poll(() => world.mailbox.totals().parcels).toBe(1);
  });

  test("with garbage behind the opening of a box, and watches that box no more", async () => {
    const world = openTestMailbox();
    const watch = world.mailbox.watch.bind(world.mailbox);
    let watched = 0;
    world.mailbox.watch = (...args) => {
      const unwatch = watch(...args);
      watched += 1;
      return () => {
        watched -= 1;
        unwatch();
      };
    };
    const client = new MailboxClient(world);
    const { challenge } = await client.hear("welcome");
    client.sayBytes(encodeMailboxFrame(openingOf(newBox(), challenge)), Uint8Array.of(0));
    await client.ended;
    expect(client.aborted).toMatchObject({ code: "FRAME_INVALID" });
    expect(world.mailbox.totals().boxes).toBe(1);
    expect(watched).toBe(0);
  });

  test("after a minute without a request, unless a box was opened on it", async () => {
    const world = openTestMailbox();
    const [idle, owner] = [new MailboxClient(world), new MailboxClient(world)];
    await idle.hear("welcome");
    await owner.open(newBox());
    for (const { time } of [idle, owner]) time.pass(59_000);
    await Promise.resolve();
    for (const { time } of [idle, owner]) time.pass(2000);
    await idle.ended;
    expect(await Promise.race([owner.ended, "open"])).toBe("open");
    expect(owner.time.timers).toBe(0);
  });

  test("and is told of nothing any more", async () => {
    const world = openTestMailbox();
    const owner = newBox();
    const alice = new MailboxClient(world);
    await alice.open(owner);
    alice.leave();
    await alice.ended;
    await world.mailbox.deposit(depositOf(owner, 1), "x");
    expect(alice.answers).toEqual([]);
  });

  test.each([
    [
      "one after the other",
      (client: MailboxClient, frames: Uint8Array[]) => frames.map((frame) => client.sayBytes(frame)),
    ],
    ["at once", (client: MailboxClient, frames: Uint8Array[]) => client.sayBytes(...frames)],
  ])("takes no more boxes than one owner needs, %s", async (_, say) => {
    const world = openTestMailbox({ boxesPerStream: 2 });
    const client = new MailboxClient(world);
    const { challenge } = await client.hear("welcome");
    const frames = [newBox(), newBox(), newBox()].map((owner, request) =>
      encodeMailboxFrame(openingOf(owner, challenge, "contacts", request)),
    );
    say(client, frames);
    expect(await client.hear("refused")).toMatchObject({ request: 2, code: "QUOTA", reason: "stream" });
    expect(world.mailbox.totals().boxes).toBe(2);
    expect(client.answers.map(({ type }) => type)).toEqual(["opened", "opened"]);
  });
});
