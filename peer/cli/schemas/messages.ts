import * as z from "zod";
import type { ChatEvent, PresenceEvent } from "../../messaging/operations/feed.ts";
import type { DeviceDelivery, HistoryMessage, OutboxItem, SendResult } from "../../messaging/operations/messages.ts";
import { count, deliveryState, errorCode, messageId, path, shapeOf, time } from "./shape.ts";

type EventFields<Type extends ChatEvent["type"]> = Omit<Extract<ChatEvent, { type: Type }>, "type">;

const device = shapeOf<DeviceDelivery>()(
  z.strictObject({
    device: z.string(),
    state: deliveryState,
    path: path.nullable(),
    error: errorCode.exactOptional(),
    reason: z.string().exactOptional(),
  }),
);

const sent = z.strictObject({ id: messageId, to: z.string(), state: deliveryState, devices: z.array(device) });

/** `line`: of a batch, which message it was. */
export const sendResult = shapeOf<SendResult & { readonly line?: number }>()(
  sent.extend({ line: z.int().min(1).exactOptional() }),
);

/** From `history`, with the direction. */
export const message = shapeOf<Omit<HistoryMessage, "state" | "direction"> & { readonly direction?: "in" | "out" }>()(
  z.strictObject({
    id: messageId,
    from: z.string(),
    text: z.string(),
    replyTo: messageId.exactOptional(),
    expiresAt: time.exactOptional(),
    edited: z.literal(true).exactOptional(),
    deleted: z.literal(true).exactOptional(),
    reactions: z.array(z.strictObject({ from: z.string(), emoji: z.string() })).exactOptional(),
    sentAt: time,
    receivedAt: time,
    seq: z.int().min(1),
    verified: z.boolean(),
    path: path.nullable(),
    cursor: count,
    direction: z.enum(["in", "out"]).exactOptional(),
  }),
);

const changed = z.strictObject({ id: messageId, from: z.string(), receivedAt: time, cursor: count });

/** Of `p2pchat edit`, `delete` and `react`; or, in a stream, what somebody else did to a message. */
export const changes = {
  edit: z.union([sent, shapeOf<EventFields<"edit">>()(changed.extend({ text: z.string() }))]),
  delete: z.union([sent, shapeOf<EventFields<"delete">>()(changed)]),
  reaction: z.union([sent, shapeOf<EventFields<"reaction">>()(changed.extend({ emoji: z.string() }))]),
};

export const receipt = shapeOf<EventFields<"receipt">>()(
  z.strictObject({ id: messageId, to: z.string(), state: deliveryState }),
);

/** For programs on a socket that ask for it; no command does. */
export const typing = shapeOf<EventFields<"typing">>()(z.strictObject({ from: z.string(), until: time }));

type Watched = Extract<PresenceEvent, { type: "presence" }>;

/** From `online --watch`, with more than `listen --presence` tells. */
export const presence = shapeOf<EventFields<"presence"> & Partial<Omit<Watched, "type" | "username" | "online">>>()(
  z.strictObject({
    username: z.string(),
    online: z.boolean(),
    initial: z.boolean().exactOptional(),
    devices: z.array(z.string()).exactOptional(),
    contact: z.boolean().exactOptional(),
  }),
);

export const keyChange = shapeOf<EventFields<"key-change">>()(
  z.strictObject({ username: z.string(), oldFingerprint: z.string(), newFingerprint: z.string() }),
);

export const gap = shapeOf<EventFields<"gap">>()(
  z.strictObject({ from: z.string(), fromSeq: z.int().min(1), toSeq: z.int().min(1), cursor: count }),
);

/** `to` and `line`: of several messages, which one failed. */
export const error = z.strictObject({
  code: errorCode,
  message: z.string(),
  reason: z.string().exactOptional(),
  details: z.record(z.string(), z.unknown()).exactOptional(),
  to: z.string().exactOptional(),
  line: z.int().min(1).exactOptional(),
});

export const outboxItem = shapeOf<OutboxItem>()(
  z.strictObject({
    id: messageId,
    to: z.string(),
    device: z.string(),
    state: deliveryState,
    queuedAt: time,
    attempts: count,
    error: errorCode.exactOptional(),
    reason: z.string().exactOptional(),
  }),
);
