import { equalBytes } from "../../../shared/bytes.ts";
import type { DeviceId } from "../../../shared/device-id.ts";
import { ChatError, isChatError } from "../../../shared/errors.ts";
import type { FrameBody, FrameOf } from "../../../shared/frames.ts";
import { sha256 } from "../../../shared/hash.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { signReset } from "../../../shared/session-reset.ts";
import type { Core } from "../core.ts";
import type { SecureSessions, Session } from "../ports/sessions.ts";
import type { Self } from "../self.ts";
import type { SessionVia } from "../store/sessions.ts";

/**
 * Joins the session that a device opened, or finds that it has. The key package's secret goes in the transaction that
 * keeps the session, so that a Welcome opens one session, once.
 *
 * @throws ChatError as `Resolver.resolveDevice`; CONTACT_BLOCKED, QUOTA, SESSION_INVALID, KEY_PACKAGE_INVALID, STORAGE
 */
export async function acceptSession(
  core: Core,
  device: DeviceId,
  frame: FrameOf<"open">,
  { via, signal }: { via: SessionVia; signal: AbortSignal },
): Promise<FrameBody> {
  const { sessionId } = frame;
  const contact = await core.resolver.resolveDevice(device, frame.hint, signal);
  if (contact.blocked) throw new ChatError("CONTACT_BLOCKED", "blocked");
  await core.book.locked(device, async () => {
    if (core.book.find(device, sessionId) !== undefined) return;
    if (!contact.accepted && core.store.sessions.count(device) >= LIMITS.strangerMaxSessions) {
      throw new ChatError("QUOTA", "this device has opened enough sessions");
    }
    await join(core, device, frame, via);
  });
  return { type: "opened", sessionId };
}

async function join(
  core: Core,
  device: DeviceId,
  { sessionId, welcome }: FrameOf<"open">,
  via: SessionVia,
): Promise<void> {
  const { book, store, sessions, runtime, notices } = core;
  if (store.sessions.isKnown(sessionId)) {
    throw new ChatError("SESSION_INVALID", "that session is over", { reason: "replayed" });
  }
  const references = sessions.welcomeReferences(welcome);
  const key = references.flatMap((reference) => store.keyPackages.find(reference) ?? [])[0];
  if (key === undefined) throw new ChatError("KEY_PACKAGE_INVALID", "that key package is used up or not ours");
  const session = await sessions.join(device, welcome, key);
  if (!equalBytes(session.id, sessionId)) {
    throw new ChatError("SESSION_INVALID", "the Welcome is for another session", { reason: "id" });
  }
  const live = { session, welcome: undefined, healedAtMs: runtime.now(), via };
  store.transaction(() => {
    if (!key.lastResort) store.keyPackages.delete(key.reference);
    book.save(device, live);
  });
  book.remember(device, live);
  book.close(device, book.surplus(device, via));
  if (!key.lastResort) notices.keyPackageUsed();
}

/**
 * Applies a device's commit, and says how that went.
 *
 * @throws ChatError ENVELOPE_INVALID (reason `identity`), SESSION_INVALID, SESSION_OUT_OF_ORDER, STORAGE
 */
export async function applyCommit(core: Core, device: DeviceId, frame: FrameOf<"commit">): Promise<FrameBody> {
  const { book, sessions, store, runtime, notices, self } = core;
  const { sessionId, commit } = frame;
  // Whoever was removed here does not know it: without a session they begin anew, as a stranger.
  if (book.find(device, sessionId) === undefined) return resetOf(self, device, sessionId);
  if (store.contacts.findByDevice(device) === undefined) {
    throw new ChatError("ENVELOPE_INVALID", "nobody's record lists that device", { reason: "identity" });
  }
  const outcome = await book.update(device, sessionId, async (live) => {
    const applied = await afterOwnCommit(sessions, live.session, (session) => sessions.receiveCommit(session, commit));
    const healedAtMs = applied.outcome === "applied" ? runtime.now() : live.healedAtMs;
    return { live: { ...live, session: applied.session, healedAtMs }, result: applied.outcome };
  });
  if (outcome === undefined) return resetOf(self, device, sessionId);
  if (outcome === "applied") notices.sessionChanged(device);
  if (outcome === "refused") notices.commitAwaited(device);
  return { type: "committed", sessionId, commitHash: sha256(commit), applied: outcome !== "refused" };
}

/**
 * Takes a step that the peer made on a session. One made in the epoch of our pending commit, and that holds there, shows
 * that the peer has applied it: only the answer was lost.
 */
export async function afterOwnCommit<T>(
  sessions: SecureSessions,
  session: Session,
  step: (session: Session) => Promise<T>,
): Promise<T> {
  try {
    return await step(session);
  } catch (error) {
    const { pendingCommit, epoch } = session;
    const isAhead = isChatError(error, "SESSION_OUT_OF_ORDER") && error.details?.["epoch"] === epoch + 1;
    if (pendingCommit === undefined || !isAhead) throw error;
    return step(await sessions.confirmCommit(session, pendingCommit));
  }
}

/** This device has no such session; signed, so that nobody else can end one. */
export function resetOf(self: Self, device: DeviceId, sessionId: Uint8Array): FrameBody {
  const signature = signReset({ sessionId, from: self.device, to: device }, self.deviceKey);
  return { type: "reset", sessionId, signature };
}
