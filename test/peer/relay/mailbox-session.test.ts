import { describe, expect, test } from "vitest";
import { serveMailbox } from "../../../peer/relay/mailbox-session.ts";
import { publicKeyOfSeed } from "../../../shared/ed25519.ts";
import {
  decodeMailboxAnswer,
  encodeMailboxFrame,
  type MailboxAnswer,
  type MailboxAnswerOf,
  type MailboxFrameBody,
} from "../../../shared/mailbox-frames.ts";
import { signBoxOpening, signBoxReceipt } from "../../../shared/mailbox-signatures.ts";
import { MAILBOX_LIMITS } from "../../../shared/protocol.ts";
import { FakeTime } from "../../support/fake-time.ts";
import { newBox, newParcel, openTestMailbox, type TestMailbox } from "../../support/mailbox.ts";
import { seedOf } from "../../support/networks.ts";

const relayKey = publicKeyOfSeed(seedOf("relay"));
type Owner = ReturnType<typeof newBox>;

/** Each gets dice of its own. */
let clients = 0;

/** A client's end of a stream that a session serves. */
class Client {
  readonly ended: Promise<void>;
  readonly answers: MailboxAnswer[] = [];
  aborted: Error | undefined;
  readonly time = new FakeTime();
  #batches: (readonly Uint8Array[])[] = [];
  #isClosed = false;
  #wake = () => {};
  #changed = () => {};

  constructor({ mailbox }: TestMailbox, network = "192.0.2.1") {
    const channel = {
      send: async (frames: readonly Uint8Array[]) => {
        this.answers.push(...frames.map(decodeMailboxAnswer));
        this.#changed();
      },
      receive: () => this.#receive(),
      abort: (error: Error) => {
        this.aborted ??= error;
        this.#finish();
      },
      close: async () => this.#finish(),
    };
    clients += 1;
    const runtime = this.time.runtime(`relay ${clients}`);
    this.ended = serveMailbox({ channel, mailbox, network, relayKey, runtime, counted: () => {} });
  }

  say(...bodies: readonly MailboxFrameBody[]): void {
    this.sayBytes(...bodies.map(encodeMailboxFrame));
  }

  /** What arrives together. */
  sayBytes(...frames: readonly Uint8Array[]): void {
    this.#batches.push(frames);
    this.#wake();
  }

  leave(): void {
    this.#finish();
  }

  /** The next answer of that type. */
  async hear<Type extends MailboxAnswer["type"]>(type: Type): Promise<MailboxAnswerOf<Type>> {
    for (;;) {
      const index = this.answers.findIndex((answer) => answer.type === type);
      const [answer] = index === -1 ? [] : this.answers.splice(index, 1);
      if (answer !== undefined) return answer as MailboxAnswerOf<Type>;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  async open(owner: Owner, kind: "contacts" | "requests" = "contacts"): Promise<Uint8Array> {
    const { challenge } = await this.hear("welcome");
    this.say(openingOf(owner, challenge, kind));
    await this.hear("opened");
    return challenge;
  }

  #finish(): void {
    this.#isClosed = true;
    this.#wake();
  }

  async *#receive(): AsyncGenerator<readonly Uint8Array[]> {
    while (!this.#isClosed) {
      const batch = this.#batches.shift();
      if (batch !== undefined) yield batch;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

function openingOf(owner: Owner, challenge: Uint8Array, kind: "contacts" | "requests" = "contacts", request = 1) {
  const tokenKey = kind === "contacts" ? owner.tokenKey : null;
  const signature = signBoxOpening({ relay: relayKey, challenge, kind, tokenKey }, owner.key);
  return { type: "open", request, box: owner.box, kind, tokenKey, signature } as const;
}

function receiptOf(owner: Owner, challenge: Uint8Array, places: number[], by = owner) {
  const signature = signBoxReceipt({ relay: relayKey, challenge, box: owner.box, places }, by.key);
  return { type: "receipt", request: 9, box: owner.box, places, signature } as const;
}

const depositOf = (owner: Owner, request: number, parcel = newParcel()) =>
  ({ type: "deposit", request, box: owner.box, token: owner.token(), parcel }) as const;

describe("a mailbox stream", () => {
  test("begins with a welcome whose challenge is new each time", async () => {
    const world = openTestMailbox();
    const [one, two] = [new Client(world), new Client(world)];
    const welcome = await one.hear("welcome");
    expect(welcome).toMatchObject({ store: world.mailbox.id, limits: { parcelsPerBox: 1000 } });
    expect((await two.hear("welcome")).challenge).not.toEqual(welcome.challenge);
  });

  test("answers requests that came together, each under its number", async () => {
    const world = openTestMailbox();
    const [alice, bob] = [new Client(world), new Client(world)];
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
    const alice = new Client(world);
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
    const alice = new Client(world);
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

describe("a signature", () => {
  test("heard on another stream opens nothing", async () => {
    const world = openTestMailbox();
    const owner = newBox();
    const [alice, mallory] = [new Client(world), new Client(world)];
    const { challenge } = await alice.hear("welcome");
    await mallory.hear("welcome");
    mallory.say(openingOf(owner, challenge));
    expect(await mallory.hear("refused")).toMatchObject({ code: "SIGNATURE_INVALID" });
    expect(world.mailbox.totals().boxes).toBe(0);
  });

  test("of another key, or heard elsewhere, removes nothing", async () => {
    const world = openTestMailbox();
    const [owner, mallory] = [newBox(), newBox()];
    const [alice, other] = [new Client(world), new Client(world)];
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
    const [alice, mallory] = [new Client(world), new Client(world)];
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
    const client = new Client(world);
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
    const client = new Client(world);
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
    const client = new Client(world);
    const { challenge } = await client.hear("welcome");
    client.sayBytes(encodeMailboxFrame(openingOf(newBox(), challenge)), Uint8Array.of(0));
    await client.ended;
    expect(client.aborted).toMatchObject({ code: "FRAME_INVALID" });
    expect(world.mailbox.totals().boxes).toBe(1);
    expect(watched).toBe(0);
  });

  test("after a minute without a request, unless a box was opened on it", async () => {
    const world = openTestMailbox();
    const [idle, owner] = [new Client(world), new Client(world)];
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
    const alice = new Client(world);
    await alice.open(owner);
    alice.leave();
    await alice.ended;
    await world.mailbox.deposit(depositOf(owner, 1), "x");
    expect(alice.answers).toEqual([]);
  });

  test("takes no more boxes than one owner needs", async () => {
    const world = openTestMailbox({ boxesPerStream: 2 });
    const client = new Client(world);
    const { challenge } = await client.hear("welcome");
    const owners = [newBox(), newBox(), newBox()];
    owners.forEach((owner, request) => {
      client.say(openingOf(owner, challenge, "contacts", request));
    });
    expect(await client.hear("refused")).toMatchObject({ request: 2, code: "QUOTA", reason: "stream" });
    expect(world.mailbox.totals().boxes).toBe(2);
  });
});
