import * as z from "zod";
import { count } from "./shape.ts";

const text = z.string();
const place = z.strictObject({ name: text, address: text });
/** An object that a command of that peer printed, with its own `v` and `type`. */
const printed = z.looseObject({ v: z.literal(1), type: text });

export const started = z.strictObject({
  directory: text,
  server: text,
  peers: z.array(place),
  relays: z.array(text),
});

export const event = z.strictObject({ peer: text, event: printed });

export const sent = z.strictObject({ from: text, result: printed });

/** A process that nobody asked to end. */
export const ended = z.strictObject({ name: text, exitCode: count.nullable(), signal: text.nullable() });

export const status = z.strictObject({
  stations: z.array(
    z.strictObject({ name: text, state: z.enum(["running", "frozen", "stopped"]), pid: count.nullable() }),
  ),
  faults: z.array(
    z.strictObject({
      between: z.tuple([text, text]),
      cut: z.boolean(),
      dropped: z.boolean(),
      delayMs: count,
      bytesPerSecond: count.nullable(),
    }),
  ),
});
