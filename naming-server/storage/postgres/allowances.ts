import { ChatError } from "../../../shared/errors.ts";
import { rateLimited } from "../../rate-limiter.ts";
import type { Draw, Store, Terms } from "../store.ts";
import type { Database, Query } from "./database.ts";

/** An empty bucket is full in `burst` times `everySeconds`; a later time is of a clock that was ahead, and void. */
const DRAW = {
  name: "draw",
  text: `
    INSERT INTO allowances (kind, subject, full_at) VALUES ($1, $2, $3::bigint + $4::bigint)
    ON CONFLICT (kind, subject) DO UPDATE
    SET full_at = $4 + CASE WHEN allowances.full_at BETWEEN $3 AND $3 + $4 * $5::bigint THEN allowances.full_at ELSE $3 END
    WHERE allowances.full_at NOT BETWEEN $3 + $4 * ($5 - 1) + 1 AND $3 + $4 * $5`,
};

const FIND = { name: "find-allowance", text: "SELECT full_at FROM allowances WHERE kind = $1 AND subject = $2" };

const ADD_INVITE = { name: "add-invite", text: "INSERT INTO invites (hash, uses, expires) VALUES ($1, $2, $3)" };

const USE_INVITE = {
  name: "use-invite",
  text: "UPDATE invites SET uses = uses - 1 WHERE hash = $1 AND uses > 0 AND expires > $2",
};

const FORGET = { name: "forget-allowances", text: "DELETE FROM allowances WHERE full_at < $1" };

const FORGET_INVITES = { name: "forget-invites", text: "DELETE FROM invites WHERE expires < $1" };

/** Answers 0, or in how many seconds there is something to draw. */
export async function tryDraw(query: Query, draw: Draw, at: number): Promise<number> {
  const { kind, subject, burst, everySeconds } = draw;
  if ((await query(DRAW, kind, subject, at, everySeconds, burst)).count > 0) return 0;
  const { rows } = await query<{ full_at: number }>(FIND, kind, subject);
  return (rows[0]?.full_at ?? at) + everySeconds - at - everySeconds * burst;
}

/** @throws ChatError RATE_LIMITED */
export async function draw(query: Query, wanted: Draw, at: number): Promise<void> {
  const waitSeconds = await tryDraw(query, wanted, at);
  if (waitSeconds > 0) throw rateLimited(waitSeconds, `too many of these: ${wanted.kind}`);
}

/** @throws ChatError RATE_LIMITED, INVITE_INVALID */
export async function meetTerms(query: Query, { draw: wanted, invite }: Terms, at: number): Promise<void> {
  if (invite !== undefined && (await query(USE_INVITE, invite, at)).count === 0) {
    throw new ChatError("INVITE_INVALID", "the invite code is unknown, used up or expired");
  }
  if (wanted !== undefined) await draw(query, wanted, at);
}

export function openInvites(database: Database): Pick<Store, "addInvite"> {
  return {
    async addInvite({ hash, uses, expires }) {
      await database.query(ADD_INVITE, hash, uses, expires);
    },
  };
}

export async function forgetAllowances(query: Query, before: number): Promise<void> {
  await query(FORGET, before);
  await query(FORGET_INVITES, before);
}
