import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SecureSessions, Session } from "../../../peer/messaging/ports/sessions.ts";
import { isChatError } from "../../../shared/errors.ts";
import { openedPair } from "../../support/sessions.ts";

/*
 * A random schedule over both ends of a session, in which messages and commits are lost, repeated and delivered in any
 * order. The model predicts every outcome from counters alone.
 */

type Sent = { readonly epoch: number; readonly generation: number; readonly text: string; readonly bytes: Uint8Array };
type Commit = { readonly epoch: number; readonly bytes: Uint8Array };

/** One end: the session itself, and beside it what the model knows of it. */
type End = {
  readonly sessions: SecureSessions;
  readonly opener: boolean;
  session: Session;
  epoch: number;
  sent: number;
  /** Messages received by epoch, of this epoch and the one before. */
  received: Map<number, number>;
  pending: Commit | undefined;
  lastApplied: Commit | undefined;
  readonly messages: Sent[];
  readonly commits: Commit[];
};

type Step =
  | { readonly kind: "send" | "commit" | "confirm" | "restore"; readonly by: 0 | 1 }
  | { readonly kind: "deliver" | "deliverCommit"; readonly by: 0 | 1; readonly fromEnd: number };

const by = fc.constantFrom<0 | 1>(0, 1);
/** Mostly what was sent last, sometimes something older. */
const fromEnd = fc.oneof({ weight: 3, arbitrary: fc.nat(1) }, { weight: 1, arbitrary: fc.nat(8) });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("send" as const), by }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("deliver" as const), by, fromEnd }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("commit" as const), by }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("deliverCommit" as const), by, fromEnd }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("confirm" as const), by }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restore" as const), by }) },
);

function newEnd(sessions: SecureSessions, session: Session): End {
  const model = { epoch: 1, sent: 0, received: new Map([[1, 0]]), pending: undefined, lastApplied: undefined };
  return { ...model, sessions, session, opener: session.opener, messages: [], commits: [] };
}

/** What was thrown, as its code; anything but a ChatError fails the test. */
async function codeOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return "ok";
  } catch (error) {
    if (isChatError(error)) return error.code;
    throw error;
  }
}

async function sendMessage(end: End): Promise<void> {
  const text = `${end.opener ? "opener" : "joiner"} ${end.messages.length}`;
  const attempt = end.sessions.encrypt(end.session, Buffer.from(text), new Uint8Array());
  if (end.pending !== undefined) return expect(await codeOf(attempt)).toBe("INTERNAL");
  const { session, ciphertext } = await attempt;
  end.messages.push({ epoch: end.epoch, generation: end.sent++, text, bytes: ciphertext });
  end.session = session;
}

async function deliver(to: End, message: Sent): Promise<void> {
  const next = to.received.get(message.epoch);
  const attempt = to.sessions.decrypt(to.session, message.bytes);
  if (next !== message.generation) return expect(await codeOf(attempt)).toBe("SESSION_OUT_OF_ORDER");
  const { session, plaintext } = await attempt;
  expect(Buffer.from(plaintext).toString()).toBe(message.text);
  to.received.set(message.epoch, next + 1);
  to.session = session;
}

async function commit(end: End): Promise<void> {
  const { session, commit: bytes } = await end.sessions.beginCommit(end.session);
  end.session = session;
  if (end.pending !== undefined) return expect(bytes).toEqual(end.pending.bytes);
  end.pending = { epoch: end.epoch, bytes };
  end.commits.push(end.pending);
}

async function deliverCommit(to: End, received: Commit): Promise<void> {
  const attempt = to.sessions.receiveCommit(to.session, received.bytes);
  if (to.lastApplied !== received && received.epoch !== to.epoch) {
    return expect(await codeOf(attempt)).toBe("SESSION_OUT_OF_ORDER");
  }
  const { session, outcome } = await attempt;
  to.session = session;
  if (to.lastApplied === received) return expect(outcome).toBe("repeated");
  if (to.opener && to.pending !== undefined) return expect(outcome).toBe("refused");
  expect(outcome).toBe("applied");
  to.lastApplied = received;
  enterNextEpoch(to);
}

/** The peer's acknowledgement arrives, if it has one to give. */
async function confirm(end: End, peer: End): Promise<void> {
  const { pending } = end;
  if (pending === undefined || peer.lastApplied !== pending) return;
  end.session = await end.sessions.confirmCommit(end.session, pending.bytes);
  enterNextEpoch(end);
}

function enterNextEpoch(end: End): void {
  end.received = new Map([
    [end.epoch, end.received.get(end.epoch) ?? 0],
    [end.epoch + 1, 0],
  ]);
  end.epoch += 1;
  end.sent = 0;
  end.pending = undefined;
}

async function run(chosen: Step, ends: readonly [End, End]): Promise<void> {
  const [end, peer] = [ends[chosen.by], ends[chosen.by === 0 ? 1 : 0]];
  switch (chosen.kind) {
    case "send":
      return sendMessage(end);
    case "commit":
      return commit(end);
    case "confirm":
      return confirm(end, peer);
    case "restore":
      end.session = end.sessions.restore(end.sessions.serialise(end.session));
      return;
    case "deliver": {
      const message = peer.messages.at(-1 - chosen.fromEnd);
      return message && deliver(end, message);
    }
    case "deliverCommit": {
      const made = peer.commits.at(-1 - chosen.fromEnd);
      return made && deliverCommit(end, made);
    }
  }
}

/** The network gets well: pending commits are exchanged and acknowledged, and messages go through again. */
async function settle([opener, joiner]: readonly [End, End]): Promise<void> {
  for (const [end, peer] of [
    [joiner, opener],
    [opener, joiner],
    [joiner, opener],
  ] as const) {
    if (end.pending !== undefined) await deliverCommit(peer, end.pending);
    await confirm(end, peer);
  }
  expect(opener.session.epoch).toBe(joiner.session.epoch);
  expect([opener.session.pendingCommit, joiner.session.pendingCommit]).toEqual([undefined, undefined]);
  for (const [end, peer] of [
    [joiner, opener],
    [opener, joiner],
  ] as const) {
    for (const lost of end.messages.filter(({ epoch }) => epoch === peer.epoch)) {
      if (lost.generation >= (peer.received.get(lost.epoch) ?? 0)) await deliver(peer, lost);
    }
    await sendMessage(end);
    const last = end.messages.at(-1);
    if (last !== undefined) await deliver(peer, last);
    expect(peer.received.get(peer.epoch)).toBe(end.sent);
  }
}

describe("any schedule of a session", { timeout: 120_000 }, () => {
  test("goes as the counters say, and both sides meet again in the end", async () => {
    const { alice, bob } = await openedPair();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
        const ends = [newEnd(alice.device.sessions, alice.session), newEnd(bob.device.sessions, bob.session)] as const;
        for (const chosen of steps) {
          await run(chosen, ends);
          for (const end of ends) {
            expect(end.session).toMatchObject({ epoch: end.epoch, sentInEpoch: end.sent });
            expect(end.session.pendingCommit).toEqual(end.pending?.bytes);
          }
        }
        await settle(ends);
      }),
      { numRuns: 200 },
    );
  });
});
