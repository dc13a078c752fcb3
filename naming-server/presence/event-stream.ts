import { WHOLE_NUMBER } from "../whole-number.ts";

export const EVENT_STREAM = "text/event-stream";

/* Server-sent events (HTML Living Standard 9.2). Data is JSON, which has no line breaks, so each event has one line of it. */

/** What a watcher gets: the whole list, changes to it, or why the stream ends now. PROTOCOL.md 3.1. */
export type EventName = "list" | "changes" | "end";

/** Keeps the connection open while there is nothing that could be said. */
export const HEARTBEAT = Buffer.from(":\n\n");

/** @param id  what `Last-Event-ID` will say; without one, that stays as it was */
export function encodeEvent(event: EventName, data: object, id?: number): Buffer {
  const lines = [`event: ${event}`, ...(id === undefined ? [] : [`id: ${id}`]), `data: ${JSON.stringify(data)}`];
  return Buffer.from(`${lines.join("\n")}\n\n`);
}

/** How long clients are to wait before they come again. */
export function encodeRetry(ms: number): Buffer {
  return Buffer.from(`retry: ${ms}\n\n`);
}

/** The id in a `Last-Event-ID` header; undefined for one that this server never gave. */
export function readLastEventId(header: string | string[] | undefined): number | undefined {
  return typeof header === "string" && WHOLE_NUMBER.test(header) ? Number(header) : undefined;
}
