import type { NetworkLimits } from "../limits.ts";

/** A relay that may be asked for a place. */
export type Turn = {
  readonly relay: string;
  readonly state: "connecting" | "reserved" | "waiting";
  /** In a row. */
  readonly failures: number;
  /** The last time. */
  readonly failedAtMs: number;
  /** By how much, drawn by chance, its pause differs from that of others: they lost the same relay. */
  readonly spread: number;
  /** It is asked beside those that are to fill an empty place. */
  readonly isBeside: boolean;
};

type Rules = {
  readonly nowMs: number;
  readonly limits: Pick<NetworkLimits, "relays" | "relayRetryMs" | "relayRetryMaxMs" | "relayRetryReachableMaxMs">;
  /** Those that worked last. */
  readonly worked: readonly string[];
};

type Turns = {
  /** To fill an empty place. */
  readonly missing: readonly string[];
  /** Preferred to one that is held. */
  readonly beside: readonly string[];
  /** When the next may be asked again. */
  readonly wakeAtMs: number | undefined;
};

/** Of one that worked last: a relay restarts, and so does the network between. */
const FAILURES_FORGIVEN = 2;

/**
 * Which relays to ask now, of all in the order in which they are preferred. A list may hold any number that are dead: so
 * each is asked once before any is asked again, but for those that worked last; and preferred ones are asked beside the
 * others, one at a time, so that no empty place waits for them. Each pause is twice as long as the one before it: a relay
 * that was away is back after about as long again. While none is held no pause is long; a device that can be reached asks
 * the dead ones ever more rarely.
 */
export function nextTurns(relays: readonly Turn[], { nowMs, limits, worked }: Rules): Turns {
  const rank = ({ relay, failures }: Turn) => failures - (worked.includes(relay) ? FAILURES_FORGIVEN : 0);
  const asked = relays.filter(({ state }) => state === "connecting");
  const held = relays.filter(({ state }) => state === "reserved");
  const waiting = relays.filter(({ state }) => state === "waiting");
  const preferred = new Set(relays.slice(0, relays.findLastIndex(({ state }) => state === "reserved") + 1));

  const mostMs = held.length > 0 ? limits.relayRetryReachableMaxMs : limits.relayRetryMaxMs;
  const retryAtMs = ({ failures, failedAtMs, spread }: Turn) =>
    failures === 0 ? nowMs : failedAtMs + spread * Math.min(mostMs, limits.relayRetryMs * 2 ** (failures - 1));
  const due = waiting.filter((one) => retryAtMs(one) <= nowMs).toSorted((a, b) => rank(a) - rank(b));
  const empty = Math.max(0, limits.relays - held.length);
  const missing = due.slice(0, Math.max(0, empty - asked.filter(({ isBeside }) => !isBeside).length));
  const isBesideFree = !asked.some(({ isBeside }) => isBeside);
  const beside = isBesideFree ? due.filter((one) => preferred.has(one) && !missing.includes(one)).slice(0, 1) : [];

  const later = waiting.filter((one) => retryAtMs(one) > nowMs && (empty > 0 || preferred.has(one)));
  return {
    missing: missing.map(({ relay }) => relay),
    beside: beside.map(({ relay }) => relay),
    wakeAtMs: later.length === 0 ? undefined : Math.min(...later.map(retryAtMs)),
  };
}
