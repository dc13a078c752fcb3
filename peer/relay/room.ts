import { ChatError } from "../../shared/errors.ts";
import type { BoxKind } from "../../shared/mailbox-frames.ts";
import type { RelayLimits } from "./limits.ts";
import type { BoxRow, Totals } from "./mailbox-store.ts";

/**
 * The rest is divided among the boxes: whoever fills however many of them leaves every other its part, which by default
 * holds one parcel of the largest size.
 */
const FIRST_COME = 0.4;

/** @throws ChatError QUOTA (reason `box`, `requests`, `relay`) */
export function assertRoomForParcel(
  box: BoxRow,
  { size, totals, limits }: { readonly size: number; readonly totals: Totals; readonly limits: RelayLimits },
): void {
  const room = roomOf(box.kind, limits);
  const isFull = box.parcels >= room.parcels || box.bytes + size > room.bytes || box.spent >= limits.spentTokensPerBox;
  if (isFull) throw quota(box.kind === "requests" ? "requests" : "box");
  const mayGrow = (name: "bytes" | "spent", most: number, by: number) =>
    totals[name] + by <= most * FIRST_COME || box[name] + by <= (most * (1 - FIRST_COME)) / limits.boxes;
  const spends = box.kind === "contacts" ? 1 : 0;
  if (!mayGrow("bytes", limits.bytes, size) || (spends > 0 && !mayGrow("spent", limits.spentTokens, spends))) {
    throw quota("relay");
  }
}

export function quota(reason: "box" | "requests" | "relay"): ChatError {
  return new ChatError("QUOTA", "there is no room", { reason });
}

function roomOf(kind: BoxKind, limits: RelayLimits): { readonly parcels: number; readonly bytes: number } {
  return kind === "contacts"
    ? { parcels: limits.parcelsPerBox, bytes: limits.bytesPerBox }
    : { parcels: limits.parcelsPerRequestsBox, bytes: limits.bytesPerRequestsBox };
}
