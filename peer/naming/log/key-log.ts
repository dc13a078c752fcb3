import { encodeBase64url } from "../../../shared/base64url.ts";
import { equalBytes } from "../../../shared/bytes.ts";
import { logOriginOf, openCheckpoint, type SignedCheckpoint } from "../../../shared/checkpoint.ts";
import { ChatError, isChatError } from "../../../shared/errors.ts";
import { LOG_LEAF_BYTES, logLabelOf } from "../../../shared/log-leaf.ts";
import { EMPTY_ROOT, rootOf } from "../../../shared/merkle.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { type NoteVerifier, parseVerifier } from "../../../shared/signed-note.ts";
import { singleFlight } from "../../../shared/single-flight.ts";
import type { Username } from "../../../shared/username.ts";
import type { KeyLog, LogStatus } from "../../messaging/ports/key-log.ts";
import type { LogEvidence } from "../../messaging/store/log.ts";
import type { Store } from "../../messaging/store.ts";
import { LogReplica, treeOfLeaves } from "./log-replica.ts";
import type { LogSource } from "./log-source.ts";

export type KeyLogOptions = {
  readonly source: LogSource;
  readonly store: Pick<Store, "transaction" | "log">;
  /** The public URL of the naming server. */
  readonly audience: () => string;
  /** Milliseconds since the Unix epoch, by the server's clock as far as it is known. */
  readonly now: () => number;
  /** Told once of every proof that the server has signed two logs. */
  readonly onFork: (evidence: LogEvidence) => void;
};

const EMPTY: SignedCheckpoint = { size: 0, root: EMPTY_ROOT, time: 0, note: "" };

/** Follows the naming server's log, and holds it to what it has shown before, to this device and to others. */
export function createKeyLog(options: KeyLogOptions): KeyLog {
  const { source, store, audience, now, onFork } = options;
  const replica = new LogReplica(store.log);
  let verifier = findVerifier();
  let newest = findNewest();

  function findVerifier(): NoteVerifier | undefined {
    const head = store.log.head();
    return head && parseVerifier(head.verifier);
  }

  function findNewest(): SignedCheckpoint {
    const head = store.log.head();
    return head === undefined || verifier === undefined ? EMPTY : openCheckpoint(head.note, verifier);
  }

  /** The key is pinned at first sight; from then on only what it signs counts. */
  async function learnKey(signal?: AbortSignal): Promise<{ text: string; key: NoteVerifier }> {
    const pinned = store.log.head()?.verifier;
    return pinned === undefined ? askKey(signal) : readKey(pinned);
  }

  const askKey = async (signal?: AbortSignal) => readKey(await source.key(signal));

  function readKey(text: string): { text: string; key: NoteVerifier } {
    const key = parseVerifier(text);
    if (key.name === logOriginOf(audience())) return { text, key };
    throw invalid("key", "the log belongs to another server");
  }

  async function fetchCheckpoint(key: NoteVerifier): Promise<SignedCheckpoint> {
    const note = await source.checkpoint();
    try {
      return assertBearable(openCheckpoint(note, key));
    } catch (cause) {
      if (!isChatError(cause, "NOTE_INVALID")) throw cause;
      if (!note.startsWith(`${key.name}\n`)) throw invalid("key", "the log belongs to another server");
      const message = "the naming server's log is signed with another key than before; see p2pchat key trust-log";
      throw new ChatError("LOG_INVALID", message, { reason: "key", cause });
    }
  }

  const follow = singleFlight(async (_: "log") => {
    const { text, key } = await learnKey();
    const offered = await fetchCheckpoint(key);
    assertPinned(text);
    if (offered.size > newest.size) await advance(text, offered);
    else holdTo(text, offered);
    verifier = key;
  });

  /** People may have accepted another key while the server was asked. */
  function assertPinned(verifierText: string): void {
    const pinned = store.log.head()?.verifier;
    if (pinned !== undefined && pinned !== verifierText) throw invalid("key", "another log was accepted meanwhile");
  }

  /** Takes in what is new where it leads to the root that was signed. */
  async function advance(verifierText: string, offered: SignedCheckpoint): Promise<void> {
    const leaves = await fetchLeaves(replica.size, offered.size);
    assertPinned(verifierText);
    const continuation = replica.continueWith(leaves);
    if (!equalBytes(continuation.root, offered.root)) throw await explain(verifierText, offered);
    store.transaction(() => {
      replica.keep(continuation);
      saveHead(verifierText, offered);
    });
    replica.reload();
    newest = offered;
  }

  /** Leaves `start` to `end - 1`, side by side: a million of them one by one would take three times the memory. */
  async function fetchLeaves(start: number, end: number): Promise<Uint8Array> {
    const leaves = new Uint8Array((end - start) * LOG_LEAF_BYTES);
    for (let next = start; next < end; ) {
      const page = await source.entries(next);
      if (page.length === 0) throw invalid("root", "the naming server withholds entries of its log");
      for (const leaf of page.slice(0, end - next)) {
        leaves.set(leaf, (next - start) * LOG_LEAF_BYTES);
        next += 1;
      }
    }
    return leaves;
  }

  /**
   * What is new does not lead to the signed root: either the entries are wrong, or the log has another past by now. To tell
   * takes the whole log, once.
   */
  async function explain(verifierText: string, offered: SignedCheckpoint): Promise<ChatError> {
    if (store.log.evidence().length > 0) return forked(offered);
    const tree = treeOfLeaves(await fetchLeaves(0, offered.size));
    assertPinned(verifierText);
    if (equalBytes(rootOf(tree, offered.size), offered.root)) return keepEvidence(offered, undefined);
    return wrongEntries();
  }

  /** A checkpoint that adds nothing must say what is known; an older one of a smaller size is merely old. */
  function holdTo(verifierText: string, offered: SignedCheckpoint): void {
    if (!equalBytes(replica.rootAt(offered.size), offered.root)) {
      throw newest === EMPTY ? wrongEntries() : keepEvidence(offered, undefined);
    }
    if (offered.size < newest.size) {
      if (offered.time <= newest.time) return;
      throw invalid("shrunk", `the naming server's log has shrunk from ${newest.size} entries to ${offered.size}`);
    }
    if (offered.time < newest.time) return;
    store.transaction(() => saveHead(verifierText, offered));
    newest = offered;
  }

  function saveHead(verifierText: string, { note, size }: SignedCheckpoint): void {
    store.log.saveHead({ verifier: verifierText, note, size, verifiedAtMs: now() });
  }

  function keepEvidence(theirs: SignedCheckpoint, from: Username | undefined): ChatError {
    const known = store.log.evidence().some((evidence) => evidence.theirs === theirs.note);
    if (!known) {
      const evidence: LogEvidence = { ours: newest.note, theirs: theirs.note, from, seenAtMs: now() };
      store.transaction(() => store.log.addEvidence(evidence));
      onFork(evidence);
    }
    return forked(theirs);
  }

  function forked(theirs: SignedCheckpoint): ChatError {
    const message = "the naming server has signed two different logs: it shows people different keys";
    return new ChatError("LOG_FORKED", message, { details: { ours: newest.note, theirs: theirs.note } });
  }

  function status(): LogStatus {
    const { size, root, time } = newest;
    const signedAtMs = newest.note === "" ? undefined : time * 1000;
    // One of a time to come would never become old.
    const stale = signedAtMs === undefined || Math.abs(now() - signedAtMs) > LIMITS.checkpointStaleSeconds * 1000;
    return { size, root, signedAtMs, stale, forked: store.log.evidence().length > 0 };
  }

  async function sync({ maxAgeMs = 0, signal }: { maxAgeMs?: number; signal?: AbortSignal | undefined } = {}) {
    const ageMs = now() - (store.log.head()?.verifiedAtMs ?? Number.NEGATIVE_INFINITY);
    if (ageMs >= 0 && ageMs < maxAgeMs) return;
    await follow("log", signal);
  }

  return {
    sync,
    status,
    recordsOf: (username, from) =>
      replica.leavesOf(logLabelOf(username), from).map(({ index, recordHash }) => ({
        index,
        hash: encodeBase64url(recordHash),
      })),

    notes() {
      const proofs = store.log.evidence().flatMap(({ ours, theirs }) => [ours, theirs]);
      const own = newest.note === "" ? [] : [newest.note];
      return [...new Set([...own, ...proofs])].slice(0, LIMITS.gossipMaxNotes);
    },

    async compare(note, from) {
      if (verifier === undefined || openCheckpoint(note, verifier).size > replica.size) await sync();
      if (verifier === undefined) return "hidden";
      const theirs = openCheckpoint(note, verifier);
      if (theirs.size > replica.size) return "hidden";
      if (!equalBytes(replica.rootAt(theirs.size), theirs.root)) throw keepEvidence(theirs, from);
      return "agreed";
    },

    async keys(signal) {
      const [{ key: pinned }, { key: shown }] = [await learnKey(signal), await askKey(signal)];
      return { pinned: pinned.publicKey, shown: shown.publicKey };
    },

    async restart(shown) {
      const { text, key } = await askKey();
      if (!equalBytes(key.publicKey, shown)) throw changedAgain();
      const offered = await fetchCheckpoint(key);
      const anew = replica.continueWith(await fetchLeaves(0, offered.size), 0);
      if (!equalBytes(anew.root, offered.root)) throw wrongEntries();
      store.transaction(() => {
        store.log.clear();
        replica.keep(anew);
        saveHead(text, offered);
      });
      replica.reload();
      [verifier, newest] = [key, offered];
    },

    agrees: (size, root) => (size > replica.size ? undefined : equalBytes(replica.rootAt(size), root)),
  };
}

/** @throws ChatError LOG_INVALID for a log that nobody could keep: memory is not to be had for a signature alone */
function assertBearable(offered: SignedCheckpoint): SignedCheckpoint {
  if (offered.size <= LIMITS.logMaxEntries) return offered;
  throw invalid("size", `the naming server's log claims to have ${offered.size} entries`);
}

function changedAgain(): ChatError {
  const message = "the key of the naming server's log has changed again; nothing was accepted";
  return new ChatError("KEY_CHANGED", message);
}

function wrongEntries(): ChatError {
  return invalid("root", "the entries of the naming server's log are not those that it signed");
}

function invalid(reason: string, message: string): ChatError {
  return new ChatError("LOG_INVALID", message, { reason });
}
