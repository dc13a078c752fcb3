import { describe, expect, test } from "vitest";
import type { FrameBody } from "../../../../shared/frames.ts";
import { signReset } from "../../../../shared/session-reset.ts";
import { ackOf, facing } from "../../../support/facing-mallory.ts";
import { hello } from "../../../support/hostile-answerer.ts";
import { keyOf, personOf } from "../../../support/people.ts";

describe("acks", () => {
  test("clear the row they name", async () => {
    const { world, alice } = await facing(ackOf);
    await alice.send("mallory", "hi");
    await world.settle();
    expect(alice.outbox()).toEqual([]);
  });

  test("of an envelope that was never sent, or not to this device, leave the outbox as it is", async () => {
    const { world, alice, answerer } = await facing(() => []);
    const bob = await world.start("bob");
    world.network.part(alice.self.device, bob.self.device);
    await alice.send(bob, "for bob");
    await alice.send("mallory", "for mallory");
    await world.settle();
    const bobs = alice.store.outbox.queued(bob.self.device, 0, 1)[0]?.envelopeId ?? new Uint8Array(32);
    answerer.answer = (frame) => {
      if (frame.type === "hello") return [hello];
      return [{ type: "ack", envelopeIds: [bobs, new Uint8Array(32)] }];
    };
    await alice.send("mallory", "again");
    await world.pass(60_000);
    expect(alice.outbox().map(({ state }) => state)).toEqual(["queued", "queued", "queued"]);
  });

  test("of a message that was not sent yet leave it queued", async () => {
    const { world, alice, answerer } = await facing(() => []);
    const texts = Array.from({ length: 70 }, (_, index) => `message ${index}`);
    await Promise.all(texts.map((text) => alice.send("mallory", text)));
    await world.settle();
    const sent = answerer.taken.filter(({ type }) => type === "message").length;
    // an epoch's worth: the commit behind it is not answered
    expect(sent).toBe(50);
    const rows = alice.store.outbox.queued(answerer.person.device, 0, 100);
    answerer.answer = (frame) => {
      const future = rows.slice(sent).map(({ envelopeId }) => envelopeId);
      return frame.type === "hello" ? [hello, { type: "ack", envelopeIds: future }] : [];
    };
    await world.pass(20_000);
    expect(alice.outbox()).toHaveLength(70);
  });
});

describe("answers that make no sense", () => {
  const senseless: [string, FrameBody][] = [
    [
      "a message",
      {
        type: "message",
        sessionId: new Uint8Array(32),
        recipientDevice: new Uint8Array(32),
        envelopeId: new Uint8Array(32),
        ciphertext: new Uint8Array(),
      },
    ],
    [
      "a commit",
      { type: "commit", sessionId: new Uint8Array(32), recipientDevice: new Uint8Array(32), commit: new Uint8Array() },
    ],
  ];
  test.each(senseless)("end the lane: %s", async (_, body) => {
    const { world, alice } = await facing(() => [body]);
    await alice.send("mallory", "hi");
    await world.settle();
    expect(alice.outbox()).toMatchObject([{ state: "queued", error: "FRAME_INVALID" }]);
    expect(alice.failures).toEqual([]);
  });

  test("are said to be of another version where they are", async () => {
    const { world, alice, mallory } = await facing(ackOf);
    const { encodeCbor } = await import("../../../../shared/cbor.ts");
    world.network.attach(mallory.device, {
      async onChannel(channel) {
        await channel.send([encodeCbor({ v: 2, type: "hello" })]);
      },
      onGossip() {},
      onConnected() {},
    });
    await alice.send("mallory", "hi");
    await world.settle();
    expect(alice.outbox()).toMatchObject([{ state: "queued", error: "VERSION_UNSUPPORTED" }]);
  });

  test("to sessions that do not exist change nothing", async () => {
    const other = new Uint8Array(32).fill(9);
    const { world, alice } = await facing((frame) => [
      { type: "opened", sessionId: other },
      { type: "committed", sessionId: other, commitHash: other, applied: true },
      { type: "resend", sessionId: other, envelopeId: other },
      { type: "refuse", subject: other, code: "SESSION_INVALID", reason: null },
      ...ackOf(frame),
    ]);
    await alice.send("mallory", "hi");
    await world.settle();
    expect(alice.outbox()).toEqual([]);
  });
});

describe("a peer that goes silent", () => {
  test("is given up after 15 seconds, and tried again", async () => {
    const { world, alice, answerer } = await facing(() => []);
    await alice.send("mallory", "hi");
    await world.pass(14_999);
    expect(alice.store.outbox.open()[0]?.attempts).toBe(0);
    await world.pass(1);
    expect(alice.store.outbox.open()[0]).toMatchObject({ attempts: 1, error: "TIMED_OUT" });
    answerer.answer = (frame) => {
      if (frame.type === "hello") return [hello];
      if (frame.type === "open") return [{ type: "opened", sessionId: frame.sessionId }];
      return ackOf(frame);
    };
    await world.pass(60_000);
    const types = answerer.taken.map(({ type }) => type);
    expect(types.slice(0, 3)).toEqual(["hello", "open", "message"]);
    expect(types.slice(3, 6)).toEqual(["hello", "open", "commit"]);
  });
});

describe("resets", () => {
  test("of the peer end the session: the same envelope goes out on a new one", async () => {
    let lost = true;
    const { world, alice, mallory, answerer } = await facing((frame) => {
      if (frame.type !== "message") return [];
      if (!lost) return ackOf(frame);
      lost = false;
      const { sessionId } = frame;
      const signature = signReset({ sessionId, from: mallory.device, to: alice.self.device }, mallory.deviceKey);
      return [{ type: "reset", sessionId, signature }];
    });
    await alice.send("mallory", "hi");
    await world.settle();
    const messages = answerer.taken.filter((frame) => frame.type === "message");
    expect(messages).toHaveLength(2);
    expect(messages[0]?.envelopeId).toEqual(messages[1]?.envelopeId);
    expect(messages[0]?.sessionId).not.toEqual(messages[1]?.sessionId);
    expect(alice.outbox()).toEqual([]);
  });

  test("that somebody else signed end the lane and no session", async () => {
    const { world, alice, mallory } = await facing((frame) => {
      if (frame.type !== "message") return [];
      const { sessionId } = frame;
      const signature = signReset({ sessionId, from: mallory.device, to: alice.self.device }, keyOf("eve device"));
      return [{ type: "reset", sessionId, signature }];
    });
    await alice.send("mallory", "hi");
    await world.settle();
    expect(alice.outbox()).toMatchObject([{ state: "queued", error: "SIGNATURE_INVALID" }]);
    expect(alice.store.sessions.forDevice(mallory.device)).toHaveLength(1);
  });

  test("of somebody else's session end nothing", async () => {
    const { world, alice, mallory, answerer } = await facing(ackOf);
    const bob = await world.start("bob");
    await alice.send(bob, "hi bob");
    await world.settle();
    const [theirs] = alice.store.sessions.forDevice(bob.self.device);
    const sessionId = theirs?.id ?? new Uint8Array(32);
    answerer.answer = (frame) => {
      if (frame.type === "hello") return [hello];
      const signature = signReset({ sessionId, from: mallory.device, to: alice.self.device }, mallory.deviceKey);
      return [{ type: "reset", sessionId, signature }, ...ackOf(frame)];
    };
    await alice.send("mallory", "hi mallory");
    await world.settle();
    expect(alice.store.sessions.forDevice(bob.self.device)).toHaveLength(1);
    expect(alice.outbox()).toEqual([]);
  });

  test("without end cost two key packages a try, not all", async () => {
    const { world, alice, mallory } = await facing((frame) => {
      if (frame.type !== "message" && frame.type !== "open") return [];
      const { sessionId } = frame;
      const signature = signReset({ sessionId, from: mallory.device, to: alice.self.device }, mallory.deviceKey);
      return [{ type: "reset", sessionId, signature }];
    });
    await alice.send("mallory", "hi");
    await world.settle();
    expect(world.directory.left(mallory.device)).toBe(3);
    expect(alice.outbox()).toMatchObject([{ state: "queued", error: "SESSION_INVALID" }]);
  });
});

describe("refusals", () => {
  test("of a session for reasons of its own keep the session: no key package is spent on them", async () => {
    const { world, alice, mallory } = await facing((frame) =>
      frame.type === "open"
        ? [{ type: "refuse", subject: frame.sessionId, code: "SERVER_UNREACHABLE", reason: null }]
        : [],
    );
    await alice.send("mallory", "hi");
    await world.pass(10 * 60_000);
    expect(world.directory.claims).toBe(1);
    expect(alice.store.sessions.forDevice(mallory.device)).toHaveLength(1);
    expect(alice.outbox()).toMatchObject([{ state: "queued", error: "SERVER_UNREACHABLE" }]);
  });

  test("of one message fail that message alone", async () => {
    const { world, alice } = await facing((frame) => {
      if (frame.type !== "message") return [];
      const isFirst = Buffer.compare(frame.envelopeId, first) === 0;
      return isFirst
        ? [{ type: "refuse", subject: frame.envelopeId, code: "ENVELOPE_INVALID", reason: "chain" }]
        : ackOf(frame);
    });
    let first: Uint8Array = new Uint8Array(32);
    world.network.part(alice.self.device, personOf("mallory").device);
    await alice.send("mallory", "one");
    await alice.send("mallory", "two");
    first = alice.store.outbox.open()[0]?.envelopeId ?? first;
    world.network.join(alice.self.device, personOf("mallory").device);
    await world.pass(60_000);
    expect(alice.outbox()).toMatchObject([{ seq: 1, state: "failed", error: "ENVELOPE_INVALID" }]);
  });
});
