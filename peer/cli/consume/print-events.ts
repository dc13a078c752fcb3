import { ChatError } from "../../../shared/errors.ts";
import type { ChatEvent, Consumer } from "../../messaging/operations/feed.ts";
import type { CliContext } from "../context.ts";
import { describeEvent } from "../describe-event.ts";
import type { Output } from "../output.ts";

/**
 * Takes a consumer's events until it is interrupted, or nobody reads any more. An old copy of a profile delivers nothing any
 * more, and only its next start can change that: `unsafe`.
 */
export type Taking = (consumer: Consumer, context: CliContext) => Promise<"ended" | "unsafe">;

/** A message counts as shown once the kernel has it: what was not printed comes again next time. */
export const printEvents: Taking = async (consumer, { output, interruption }) => {
  for await (const event of consumer.events(interruption.signal)) {
    if (!(await printEvent(event, output))) return "ended";
    if ("cursor" in event) await consumer.acknowledge(event.cursor);
    if (isEnd(event)) return "unsafe";
  }
  return "ended";
};

/**
 * Prints, and acknowledges what standard input says: a cursor a line, for that event and all before it. The end of standard
 * input is the end of whoever acknowledges.
 */
export const printUntilAcknowledged: Taking = async (consumer, context) => {
  const { output, terminal, interruption } = context;
  const ending = new AbortController();
  const signal = AbortSignal.any([interruption.signal, ending.signal]);
  let printed = 0;
  const print = async () => {
    for await (const event of consumer.events(signal)) {
      if ("cursor" in event) printed = Math.max(printed, event.cursor);
      if (!(await printEvent(event, output))) return "ended";
      if (isEnd(event)) return "unsafe";
    }
    return "ended";
  };
  const acknowledge = async () => {
    for await (const line of await linesOf(terminal.stdin, signal)) {
      await consumer.acknowledge(readCursor(line, printed));
    }
    return "ended" as const;
  };
  const both = [print(), acknowledge()] as const;
  try {
    return await Promise.race(both);
  } finally {
    ending.abort();
    await Promise.allSettled(both);
  }
};

export function printEvent(event: ChatEvent, output: Output): Promise<boolean> {
  const { type, ...fields } = event;
  return output.print({ type, fields, text: describeEvent(event, output.strong) });
}

export function isEnd(event: ChatEvent): boolean {
  return event.type === "error" && event.code === "PROFILE_UNSAFE";
}

async function linesOf(input: CliContext["terminal"]["stdin"], signal: AbortSignal): Promise<AsyncIterable<string>> {
  const { createInterface } = await import("node:readline");
  return createInterface({ input, signal });
}

/** @throws ChatError USAGE */
function readCursor(line: string, printed: number): number {
  const cursor = /^\s*\d{1,16}\s*$/.test(line) ? Number(line) : Number.NaN;
  if (cursor <= printed) return cursor;
  throw new ChatError("USAGE", "standard input is to name cursors that were printed, one a line");
}
