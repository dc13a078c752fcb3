import type { Content } from "../../shared/content.ts";
import { LIMITS } from "../../shared/protocol.ts";

/** When what its author says is to be forgotten by its author, milliseconds since the Unix epoch. */
export function ownExpiry(content: Content): number | undefined {
  return content.kind === "text" ? content.expiresAt : undefined;
}

/**
 * When a text that arrives is to be forgotten here. One that was under way for longer than it was to last, or whose author
 * has another clock, lasts as long from now on as its author meant it to: it is not forgotten unread.
 */
export function expiryOnArrival(content: Content, sentAtMs: number, nowMs: number): number | undefined {
  const expiresAtMs = ownExpiry(content);
  if (expiresAtMs === undefined) return undefined;
  const lastsMs = Math.max(0, expiresAtMs - sentAtMs);
  const meantMs = expiresAtMs > nowMs ? expiresAtMs : nowMs + lastsMs;
  return Math.min(meantMs, nowMs + LIMITS.textLifetimeMaxSeconds * 1000);
}
