import { expect, test } from "vitest";
import { RELAY_LIMITS } from "../../../peer/relay/limits.ts";
import { assertRoomForParcel } from "../../../peer/relay/room.ts";
import { PARCEL_BUCKETS } from "../../../shared/protocol.ts";

test("what every box is sure to have, by default, holds a parcel of the largest size", () => {
  const size = Math.max(...PARCEL_BUCKETS);
  const box = {
    id: 1,
    kind: "contacts",
    token_key: null,
    next_place: 1,
    parcels: 0,
    bytes: 0,
    spent: 0,
    expires_at: 1,
  } as const;
  const { boxes, bytes, spentTokens } = RELAY_LIMITS;
  const totals = { boxes, parcels: 1, bytes: bytes - size, spent: spentTokens - 1 };
  assertRoomForParcel(box, { size, totals, limits: RELAY_LIMITS });
  const full = { ...box, bytes: size };
  expect(() => assertRoomForParcel(full, { size, totals, limits: RELAY_LIMITS })).toThrow("there is no room");
});
