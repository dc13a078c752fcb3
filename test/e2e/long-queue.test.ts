import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CALLS_PER_CONNECTION, callsOf } from "../support/daemon-calls.ts";
import { type Person, startWorld } from "../support/p2pchat.ts";
import type { Line, Program } from "../support/program.ts";

const QUEUED = 10_000;
/** What is promised from the recipient's start on; a quiet machine takes a sixth of it. */
const FLUSHED_WITHIN_MS = 60_000;
const MAX_MEGABYTES = 250;
/** When the recipient has seen the first number, others write; they are heard before the second: long before the end. */
const OTHERS_WRITE_AT = 1000;
const OTHERS_ARE_HEARD_BY = 6000;
const TIMEOUT_MS = 60_000;

/** The most that a process ever had resident, in megabytes of 10^6 bytes. */
function peakMegabytes({ pid }: Program): number {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return (Number(kibibytes) * 1024) / 1e6;
}

const messagesOf = (lines: readonly Line[], from: string) =>
  lines.filter((line) => line.type === "message" && line.from === from && line.text !== "hello");

/** Both have written, so that neither is a stranger, who may send only so much. */
async function acquaint(one: Person, other: Person): Promise<void> {
  expect(await one.send(other.name, "hello")).toMatchObject({ exit: 0 });
  expect(await other.send(one.name, "hello")).toMatchObject({ exit: 0 });
}

/** As many calls at once as one connection may have under way. */
async function enqueue(from: Person, listening: Program, to: string): Promise<void> {
  const { send } = await callsOf(from, listening);
  const numbers = Array.from({ length: QUEUED }, (_, index) => index).values();
  const sendInTurn = async () => {
    for (const number of numbers) await send({ to, text: `message ${number}`, wait: "queued", timeoutMs: TIMEOUT_MS });
  };
  await Promise.all(Array.from({ length: CALLS_PER_CONNECTION }, sendInTurn));
}

test("ten thousand queued messages arrive once and in order, and nobody else waits for them", async () => {
  const world = await startWorld();
  const register = (name: string) => world.register(name, "--no-passphrase");
  const [alice, bob, carol] = [await register("alice"), await register("bob"), await register("carol")];
  const [sender, away, other] = await Promise.all([alice.listen(), bob.listen(), carol.listen()]);
  await acquaint(alice, bob);
  await acquaint(alice, carol);
  await acquaint(carol, bob);
  await away.stop();
  await enqueue(alice, sender, "bob");

  const deadline = AbortSignal.timeout(FLUSHED_WITHIN_MS);
  const recipient = await bob.listen();
  const arrived = () => messagesOf(recipient.seen, "alice");
  await recipient.until(() => arrived().length >= OTHERS_WRITE_AT, FLUSHED_WITHIN_MS);
  const [fromAlice, fromCarol] = [await callsOf(alice, sender), await callsOf(carol, other)];
  const aside = { text: "aside", wait: "stored", timeoutMs: TIMEOUT_MS } as const;
  const heardByCarol = other.nextMessage("aside", TIMEOUT_MS).then(() => arrived().length);
  await Promise.all([fromAlice.send({ to: "carol", ...aside }), fromCarol.send({ to: "bob", ...aside })]);
  await recipient.until(() => arrived().length >= QUEUED, FLUSHED_WITHIN_MS);
  expect(deadline.aborted).toBe(false);

  expect(await heardByCarol).toBeLessThan(OTHERS_ARE_HEARD_BY);
  const before = recipient.seen.findIndex(({ text }) => text === "aside");
  expect(messagesOf(recipient.seen.slice(0, before), "alice").length).toBeLessThan(OTHERS_ARE_HEARD_BY);
  await expect.poll(async () => (await fromAlice.outboxList()).items, { timeout: TIMEOUT_MS }).toEqual([]);
  expect(peakMegabytes(sender)).toBeLessThan(MAX_MEGABYTES);
  expect(peakMegabytes(recipient)).toBeLessThan(MAX_MEGABYTES);

  const { messages } = await fromAlice.history({ with: "bob", limit: 2 * QUEUED });
  const sent = messages.filter(({ from, text }) => from === "alice" && text !== "hello");
  expect(sent).toHaveLength(QUEUED);
  expect(arrived().map(({ id, seq, text }) => ({ id, seq, text }))).toEqual(
    sent.map(({ id, seq, text }) => ({ id, seq, text })),
  );
}, 180_000);
