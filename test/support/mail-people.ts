import { expect } from "vitest";
import type { Operations } from "../../peer/messaging/operations.ts";
import { CALLS_PER_CONNECTION, callsOf } from "./daemon-calls.ts";
import type { Person } from "./p2pchat.ts";
import type { Line, Program } from "./program.ts";

const TIMEOUT_MS = 60_000;

/** Somebody whose `listen` runs. */
export type Listener = { readonly person: Person; readonly program: Program; readonly calls: Operations };

export async function listen(person: Person, args: readonly string[] = [], wrapper: readonly string[] = []) {
  const program = await person.listen(args, { wrapper });
  return { person, program, calls: await callsOf(person, program) };
}

/** The same, once others can leave messages for them at so many relays. */
export async function listenWithMailbox(person: Person, relays: number): Promise<Listener> {
  const listener = await listen(person);
  await hasMailboxes(listener, relays);
  return listener;
}

export async function hasMailboxes({ calls }: Listener, count: number): Promise<void> {
  const open = async () => (await calls.status()).mailboxes.filter((one) => one.open).length;
  await expect.poll(open, { timeout: TIMEOUT_MS }).toBe(count);
}

/** Both have written, each with a mailbox that the other knows then. */
export async function acquaint(one: Listener, other: Listener): Promise<void> {
  for (const [from, to] of [
    [one, other],
    [other, one],
    [one, other],
  ] as const) {
    const hello = { to: to.person.name, text: "hello", wait: "stored", timeoutMs: TIMEOUT_MS } as const;
    expect(await from.calls.send(hello)).toMatchObject({ state: "stored" });
  }
}

/** Resolves once nothing waits in that outbox. */
export async function hasDelivered({ calls }: Listener, timeout = TIMEOUT_MS): Promise<void> {
  await expect.poll(async () => (await calls.outboxList()).items, { timeout }).toEqual([]);
}

/** Resolves once so many messages lie in mailboxes. */
export async function hasRelayed({ calls }: Listener, count: number, timeout = TIMEOUT_MS): Promise<void> {
  const outbox = async () => (await calls.status()).outbox;
  await expect.poll(outbox, { timeout }).toMatchObject({ queued: 0, relayed: count });
}

/** Hands messages over, in order as far as one connection keeps it. */
export async function enqueue({ calls }: Listener, to: string, texts: readonly string[]): Promise<void> {
  const waiting = texts.values();
  const sendInTurn = async () => {
    for (const text of waiting) await calls.send({ to, text, wait: "queued", timeoutMs: TIMEOUT_MS });
  };
  await Promise.all(Array.from({ length: CALLS_PER_CONNECTION }, sendInTurn));
}

/** What was shown of somebody, greetings aside. */
export const messagesOf = ({ program }: Pick<Listener, "program">): readonly Line[] =>
  program.seen.filter(({ type, text }) => type === "message" && text !== "hello");

export const textsOf = (listener: Pick<Listener, "program">) => messagesOf(listener).map(({ text }) => text);
