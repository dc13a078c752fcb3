import * as z from "zod";
import type { TokenLogEntry, TokenView } from "../../messaging/operations/tokens.ts";
import { errorCode, shapeOf, time } from "./shape.ts";

const view = z.strictObject({
  id: z.string(),
  name: z.string(),
  can: z.array(z.string()),
  rate: z.string(),
  createdAt: time,
  expiresAt: time.nullable(),
  lastUsedAt: time.nullable(),
});

export const token = shapeOf<TokenView>()(view);

/** The only time that the token itself is shown. */
export const tokenCreated = shapeOf<TokenView & { readonly token: string }>()(view.extend({ token: z.string() }));

export const tokenUse = shapeOf<TokenLogEntry>()(
  z.strictObject({
    at: time,
    token: z.strictObject({ id: z.string(), name: z.string() }).nullable(),
    method: z.string(),
    person: z.string().nullable(),
    outcome: z.union([z.enum(["begun", "ok"]), errorCode]),
  }),
);
