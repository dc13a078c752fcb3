import type { DatabaseSync } from "node:sqlite";
import { ChatError } from "../../shared/errors.ts";
import { rateLimited } from "../rate-limiter.ts";
import type { Draw, InviteRow } from "./store.ts";

/** What is scarce, in SQLite: buckets and invites. Whatever writes is called within the transaction of its cause. */
export class SqliteAllowances {
  readonly #statements: ReturnType<typeof prepareStatements>;

  constructor(database: DatabaseSync) {
    this.#statements = prepareStatements(database);
  }

  /** Answers 0, or in how many seconds there is something to draw. */
  tryDraw({ kind, subject, burst, everySeconds }: Draw, at: number): number {
    if (this.#statements.draw.run(kind, subject, at, everySeconds, burst).changes > 0) return 0;
    const fullAt = Number(this.#statements.findAllowance.get(kind, subject)?.["full_at"]);
    return fullAt + everySeconds - at - everySeconds * burst;
  }

  /** @throws ChatError RATE_LIMITED */
  draw(draw: Draw, at: number): void {
    const waitSeconds = this.tryDraw(draw, at);
    if (waitSeconds > 0) throw rateLimited(waitSeconds, `too many of these: ${draw.kind}`);
  }

  addInvite({ hash, uses, expires }: InviteRow): void {
    this.#statements.insertInvite.run(hash, uses, expires);
  }

  /** @throws ChatError INVITE_INVALID */
  useInvite(hash: Uint8Array, at: number): void {
    if (this.#statements.useInvite.run(hash, at).changes > 0) return;
    throw new ChatError("INVITE_INVALID", "the invite code is unknown, used up or expired");
  }

  forget(before: number): void {
    this.#statements.forgetAllowances.run(before);
    this.#statements.forgetInvites.run(before);
  }
}

function prepareStatements(database: DatabaseSync) {
  const sql = (text: string) => database.prepare(text);
  return {
    // An empty bucket is full in `burst` times `everySeconds`; a later time is of a clock that was ahead, and void.
    draw: sql(
      `INSERT INTO allowances (kind, subject, full_at) VALUES (?1, ?2, ?3 + ?4)
       ON CONFLICT (kind, subject) DO UPDATE
       SET full_at = iif(full_at BETWEEN ?3 AND ?3 + ?4 * ?5, full_at, ?3) + ?4
       WHERE full_at NOT BETWEEN ?3 + ?4 * (?5 - 1) + 1 AND ?3 + ?4 * ?5`,
    ),
    findAllowance: sql("SELECT full_at FROM allowances WHERE kind = ? AND subject = ?"),
    forgetAllowances: sql("DELETE FROM allowances WHERE full_at < ?"),
    insertInvite: sql("INSERT INTO invites (hash, uses, expires) VALUES (?, ?, ?)"),
    useInvite: sql("UPDATE invites SET uses = uses - 1 WHERE hash = ? AND uses > 0 AND expires > ?"),
    forgetInvites: sql("DELETE FROM invites WHERE expires < ?"),
  };
}
