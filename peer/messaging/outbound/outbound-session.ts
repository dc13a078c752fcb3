import { equalBytes } from "../../../shared/bytes.ts";
import { type DeviceId, publicKeyOfDevice } from "../../../shared/device-id.ts";
import { ChatError } from "../../../shared/errors.ts";
import { encodeFrame, type FrameOf } from "../../../shared/frames.ts";
import { sha256 } from "../../../shared/hash.ts";
import { verifyReset } from "../../../shared/session-reset.ts";
import type { Core } from "../core.ts";
import type { NamingServer } from "../ports/naming-server.ts";
import type { LiveSession } from "../session-book.ts";
import type { OutboxRow } from "../store/outbox.ts";
import type { Progress } from "./progress.ts";

const HEAL_AFTER_MESSAGES = 50;
const HEAL_AFTER_MS = 60 * 60_000;
const MAX_NEW_SESSIONS = 2;
const MAX_HEALS_IN_VAIN = 3;

export type SessionDeps = Core & { readonly naming: Pick<NamingServer, "claimKeyPackages"> };

/** The lane that a session is used on. */
export type SessionLane = {
  readonly to: OutboxRow["to"];
  readonly device: DeviceId;
  readonly progress: Progress;
  /** Fires when the lane ends. */
  readonly signal: AbortSignal;
  send(frames: readonly Uint8Array[]): Promise<void>;
};

type Encrypted = { readonly sessionId: Uint8Array; readonly frames: readonly Uint8Array[] };

/** Keeps a session to send on over one lane: opens one, heals it when that is due, and replaces one that is lost. */
export class OutboundSession {
  readonly #deps: SessionDeps;
  readonly #lane: SessionLane;
  readonly #recipientDevice: Uint8Array;
  /** The session in use, by id. */
  #id: Uint8Array | undefined;
  /** The peer has the session in use on its disk. */
  #isOpened = false;
  #wantsHeal = true;
  #committed: FrameOf<"committed"> | undefined;
  #healsInVain = 0;
  #newSessions = 0;

  constructor(deps: SessionDeps, lane: SessionLane) {
    this.#deps = deps;
    this.#lane = lane;
    this.#recipientDevice = publicKeyOfDevice(lane.device);
  }

  isCurrent(id: Uint8Array | null): boolean {
    return id !== null && this.#id !== undefined && equalBytes(this.#id, id);
  }

  /**
   * Returns once the session may carry messages: how many, before it heals again.
   *
   * @throws ChatError NO_KEY_PACKAGE, SESSION_INVALID and the lane's
   */
  async ready(): Promise<number> {
    for (;;) {
      const live = await this.#choose();
      const { pendingCommit, sentInEpoch } = live.session;
      if (pendingCommit === undefined && !this.#mustHeal(live)) return HEAL_AFTER_MESSAGES - sentInEpoch;
      await this.#heal(live.session.id);
    }
  }

  /** Frames of these rows, the session's new state on disk; undefined when it may not be used for now. */
  async encrypt(rows: readonly OutboxRow[]): Promise<Encrypted | undefined> {
    const { book, sessions, gossip } = this.#deps;
    const sessionId = this.#id;
    const recipientDevice = this.#recipientDevice;
    if (sessionId === undefined) return undefined;
    return book.update(this.#lane.device, sessionId, async (live) => {
      if (live.session.pendingCommit !== undefined) return undefined;
      const frames: Uint8Array[] = [];
      let session = live.session;
      const claim = gossip.claim();
      for (const { plaintext, envelopeId } of rows) {
        const encrypted = await sessions.encrypt(session, plaintext, claim);
        session = encrypted.session;
        frames.push(
          encodeFrame({ type: "message", sessionId, recipientDevice, envelopeId, ciphertext: encrypted.ciphertext }),
        );
      }
      return { live: { ...live, session }, result: { sessionId, frames } };
    });
  }

  /** The peer stored something: what went wrong before is over. */
  acknowledged(): void {
    this.#healsInVain = 0;
    this.#newSessions = 0;
  }

  /** The peer could not decrypt: heals before the next message; gives the session up where that keeps failing. */
  async outOfOrder(): Promise<void> {
    this.#wantsHeal = true;
    this.#healsInVain += 1;
    if (this.#healsInVain > MAX_HEALS_IN_VAIN && this.#id !== undefined) await this.drop(this.#id);
  }

  async takeOpened({ sessionId }: FrameOf<"opened">): Promise<void> {
    const { book } = this.#deps;
    await book.update(this.#lane.device, sessionId, async (live) => {
      return live.welcome === undefined ? undefined : { live: { ...live, welcome: undefined }, result: undefined };
    });
    if (this.isCurrent(sessionId)) this.#isOpened = true;
  }

  takeCommitted(frame: FrameOf<"committed">): void {
    this.#committed = frame;
  }

  /** @throws ChatError SIGNATURE_INVALID */
  async takeReset({ sessionId, signature }: FrameOf<"reset">): Promise<void> {
    verifyReset({ sessionId, from: this.#lane.device, to: this.#deps.self.device }, signature);
    await this.drop(sessionId);
  }

  /** Forgets a session for good; what was sent on it and not acknowledged goes out on the next one. */
  async drop(sessionId: Uint8Array): Promise<void> {
    const { book } = this.#deps;
    const { device } = this.#lane;
    await book.locked(device, async () => book.close(device, [sessionId]));
    if (!this.isCurrent(sessionId)) return;
    this.#id = undefined;
    this.#healsInVain = 0;
  }

  async #choose(): Promise<LiveSession> {
    const { book, self } = this.#deps;
    const live = book.forSending(this.#lane.device, self.device) ?? (await this.#open());
    const { session, welcome } = live;
    if (this.isCurrent(session.id)) return live;
    this.#id = session.id;
    this.#isOpened = welcome === undefined;
    const isUnused = welcome !== undefined && session.epoch === 1 && session.sentInEpoch === 0;
    this.#wantsHeal = !isUnused;
    if (welcome !== undefined) {
      const open = { type: "open", sessionId: session.id, hint: self.username, welcome } as const;
      await this.#lane.send([encodeFrame({ ...open, recipientDevice: this.#recipientDevice })]);
    }
    return live;
  }

  async #open(): Promise<LiveSession> {
    const { naming, sessions, book, runtime } = this.#deps;
    const { to, device, signal } = this.#lane;
    this.#newSessions += 1;
    if (this.#newSessions > MAX_NEW_SESSIONS) throw new ChatError("SESSION_INVALID", "the peer accepts no session");
    const claimed = await naming.claimKeyPackages(to, signal);
    const theirs = claimed.find((one) => one.device === device);
    if (theirs === undefined) throw new ChatError("NO_KEY_PACKAGE", "the recipient has no key package left for now");
    const { session, welcome } = await sessions.open(device, theirs.keyPackage);
    const live = { session, welcome, healedAtMs: runtime.now(), via: "lane" } as const;
    await book.locked(device, async () => book.put(device, live));
    return live;
  }

  #mustHeal({ session, healedAtMs }: LiveSession): boolean {
    const isOld = Math.abs(this.#deps.runtime.now() - healedAtMs) > HEAL_AFTER_MS;
    return this.#wantsHeal || session.sentInEpoch >= HEAL_AFTER_MESSAGES || isOld;
  }

  /**
   * Commits, and waits until the peer has applied it. Where both committed at once and the peer's has won, waits for
   * that one; the next turn commits again.
   */
  async #heal(sessionId: Uint8Array): Promise<void> {
    const { book, sessions } = this.#deps;
    const { device, progress } = this.#lane;
    await progress.until(() => this.#isOpened || !this.isCurrent(sessionId));
    const commit = await book.update(device, sessionId, async (live) => {
      const { session, commit } = await sessions.beginCommit(live.session);
      return { live: { ...live, session }, result: commit };
    });
    if (commit === undefined) return;
    const commitHash = sha256(commit);
    const recipientDevice = this.#recipientDevice;
    await this.#lane.send([encodeFrame({ type: "commit", sessionId, recipientDevice, commit })]);
    await progress.until(() => !this.isCurrent(sessionId) || this.#answerTo(commitHash) !== undefined);
    const answer = this.#answerTo(commitHash);
    if (answer?.applied) return this.#confirm(sessionId, commit);
    await progress.until(() => book.find(device, sessionId)?.session.pendingCommit === undefined);
  }

  async #confirm(sessionId: Uint8Array, commit: Uint8Array): Promise<void> {
    const { book, sessions, runtime } = this.#deps;
    await book.update(this.#lane.device, sessionId, async (live) => {
      // Whoever encrypts in the commit's epoch has applied it: then it is confirmed already.
      const isPending = live.session.pendingCommit !== undefined;
      const session = isPending ? await sessions.confirmCommit(live.session, commit) : live.session;
      return { live: { ...live, session, healedAtMs: runtime.now() }, result: undefined };
    });
    this.#wantsHeal = false;
  }

  #answerTo(commitHash: Uint8Array): FrameOf<"committed"> | undefined {
    const answer = this.#committed;
    return answer !== undefined && equalBytes(answer.commitHash, commitHash) ? answer : undefined;
  }
}
