import { hex, utf8 } from "../../shared/bytes.ts";
import { directConversation } from "../../shared/conversation.ts";
import { ChatError, type ErrorCode } from "../../shared/errors.ts";
import { fingerprintOf } from "../../shared/fingerprint.ts";
import { parseNameRecord } from "../../shared/name-record.ts";
import { readText } from "../../shared/text.ts";
import type { Username } from "../../shared/username.ts";
import type { Acceptor } from "./accept-message.ts";
import { readAddressee, readOther } from "./addressee.ts";
import type { Auditor } from "./audit.ts";
import { contactOperations } from "./contact-operations.ts";
import type { Delivery } from "./delivery.ts";
import { isoTime, viewMessage } from "./event-feed.ts";
import type { Hiding } from "./hiding.ts";
import { keyOperations, viewLog } from "./key-operations.ts";
import type { LogFinding } from "./log-watch.ts";
import type { MailboxStatus } from "./mailbox/mailbox-keeper.ts";
import type {
  ChatMessage,
  HistoryMessage,
  HistoryParams,
  Identity,
  KeyRotation,
  Operations,
  OutboxItem,
  SendParams,
  SendResult,
  Status,
  VisibilityView,
} from "./operations.ts";
import { cancelMessage } from "./outbox-upkeep.ts";
import type { OutboxWatch } from "./outbox-watch.ts";
import type { Contact, KeyLog, NamingServer, Resolver } from "./ports.ts";
import type { Publisher } from "./publisher.ts";
import type { Runtime } from "./runtime.ts";
import type { Self } from "./self.ts";
import type { HistoryEntry, OutboxRow, Store } from "./store.ts";

/** What of the program runs only where messages travel. */
export type Engine = {
  readonly delivery: Delivery;
  readonly publisher: Publisher | undefined;
  readonly addresses: () => readonly string[];
  readonly connections: () => Connectivity;
  readonly mailboxes: () => readonly MailboxStatus[];
};

/** How this device is connected now. */
export type Connectivity = {
  readonly open: number;
  readonly paths: Status["paths"];
  readonly reservations: readonly {
    readonly relay: string;
    readonly state: "connecting" | "reserved" | "waiting";
    /** Milliseconds since the Unix epoch. */
    readonly sinceMs: number;
    readonly error?: ErrorCode;
  }[];
};

export type MessengerDeps = {
  readonly self: Self;
  readonly store: Store;
  readonly runtime: Runtime;
  readonly resolver: Resolver;
  readonly keyLog: KeyLog;
  readonly auditor: Auditor;
  /** What this process has found the naming server's log to be. */
  readonly logFinding: () => LogFinding | undefined;
  /** Makes a new identity key and publishes it; from then on it is the profile's. */
  readonly rotateIdentity: () => Promise<KeyRotation>;
  readonly naming: NamingServer;
  readonly acceptor: Acceptor;
  readonly watch: OutboxWatch;
  readonly hiding: Hiding;
  readonly hidingChanged: () => void;
  /** Starts what is needed to deliver, once. */
  readonly engine: () => Promise<Engine>;
  /** The engine where it runs already. */
  readonly running: () => Engine | undefined;
  /** The naming server's public URL. */
  readonly server: string;
  readonly profile: string;
  readonly daemon: { readonly pid: number; readonly startedAt: string } | null;
};

const RECORD_AGE_MS = 5000;
const LOOKUP_PATIENCE_MS = 60_000;
const HISTORY_LIMIT = 100;
const RETRY_PATIENCE_MS = 10_000;

/** Everything a profile can do, over its store, its naming server and its peers. */
export function createOperations(deps: MessengerDeps): Operations {
  return {
    ...contactOperations(deps),
    ...keyOperations(deps),
    send: (params) => send(deps, params),
    history: async (params) => ({ messages: history(deps, params) }),
    outboxList: async () => ({ items: deps.store.outbox.open().filter(isListed).map(viewOutbox) }),
    outboxRetry: ({ id }) => retry(deps, id),
    outboxCancel: async ({ id }) => ({ cancelled: cancel(deps, id) }),
    visibility: (params) => visibility(deps, params),
    status: () => status(deps),
    whoami: async () => identity(deps),
  };
}

async function send(deps: MessengerDeps, params: SendParams): Promise<SendResult> {
  const { store, runtime, watch, acceptor } = deps;
  const startedMs = runtime.monotonic();
  const username = readOther(params.to, deps);
  const text = readText(utf8(params.text));
  const to = await recipient(deps, username, params);
  const message = await acceptor.accept({ to, text, requestKey: params.id });
  const { wait } = params;
  const running = wait === "queued" ? deps.running() : await deps.engine();
  running?.delivery.deliver(to.username, to.devices);
  if (wait !== "queued") {
    await watch.settled(message.messageId, wait, params.timeoutMs - (runtime.monotonic() - startedMs));
  }
  return sendResult(store, message.messageId, to.username);
}

/**
 * Takes a message into the outbox without asking anybody: for a contact that is pinned.
 *
 * @throws ChatError PROFILE_BUSY for anybody else
 */
export async function queueForContact(
  deps: Pick<MessengerDeps, "self" | "store" | "acceptor" | "server">,
  params: SendParams,
): Promise<SendResult> {
  const username = readOther(params.to, deps);
  const to = deps.store.contacts.find(username);
  if (to === undefined)
    throw new ChatError("PROFILE_BUSY", `this profile is in use, and ${username} is not a contact yet`);
  assertMayWrite(to);
  const { messageId } = await deps.acceptor.accept({ to, text: readText(utf8(params.text)), requestKey: params.id });
  return sendResult(deps.store, messageId, username);
}

function assertMayWrite(contact: Contact): void {
  const { username, blocked, changed, identity } = contact;
  if (blocked) throw new ChatError("CONTACT_BLOCKED", `${username} is blocked here; nothing was sent`);
  if (changed === undefined) return;
  const oldFingerprint = fingerprintOf(identity);
  const newFingerprint = fingerprintOf(parseNameRecord(changed.record).identity);
  throw new ChatError("KEY_CHANGED", `the key of ${username} has changed; nothing was sent`, {
    details: { username, oldFingerprint, newFingerprint },
  });
}

/** The recipient, checked as far as the naming server can be asked; nothing is stored before this succeeds. */
async function recipient(deps: MessengerDeps, username: Username, { timeoutMs, wait }: SendParams): Promise<Contact> {
  const known = deps.store.contacts.find(username);
  // A pinned contact is written to at once where nobody waits and nothing runs; the next delivery asks the server.
  const longestMs = wait === "queued" && known !== undefined ? RECORD_AGE_MS : LOOKUP_PATIENCE_MS;
  const patienceMs = Math.min(timeoutMs, longestMs);
  const signal = AbortSignal.timeout(Math.max(1, Math.ceil(patienceMs)));
  const { contact } = await deps.resolver.resolve(username, { maxAgeMs: RECORD_AGE_MS, signal });
  assertMayWrite(contact);
  return contact;
}

export function sendResult(store: Store, messageId: Uint8Array, to: Username): SendResult {
  const rows = store.outbox.ofMessage(messageId);
  return {
    id: hex(messageId),
    to,
    state: store.outbox.stateOf(messageId),
    devices: rows.map((row) => ({
      device: row.device,
      state: row.tombstone ? "failed" : row.state,
      path: row.path,
      ...why(row),
    })),
  };
}

function why({ error, reason }: OutboxRow) {
  return { ...(error !== undefined && { error }), ...(reason !== undefined && { reason }) };
}

function history({ self, store, server }: MessengerDeps, params: HistoryParams): HistoryMessage[] {
  const username = readAddressee(params.with, server);
  const entries = store.history.list({
    conversation: directConversation(self.username, username),
    limit: params.limit ?? HISTORY_LIMIT,
    sinceMs: readTime(params.since, 0),
    beforeMs: readTime(params.before, Number.MAX_SAFE_INTEGER),
    search: params.search,
  });
  const verified = store.contacts.find(username)?.verified ?? false;
  return entries.map((entry) => viewEntry(entry, self.username, verified));
}

function viewEntry(entry: HistoryEntry, self: Username, verified: boolean): HistoryMessage {
  if (entry.direction === "in") return { ...viewMessage(entry, verified), direction: "in" };
  const at = isoTime(entry.acceptedAtMs);
  const { text, seq, state, path } = entry;
  const own: ChatMessage = {
    id: hex(entry.messageId),
    from: self,
    text,
    sentAt: at,
    receivedAt: at,
    seq,
    verified: true,
    path,
    cursor: 0,
  };
  return { ...own, direction: "out", state };
}

function readTime(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new ChatError("USAGE", "not a time in ISO 8601");
  return ms;
}

/** A message that was cancelled is gone; one that was given up is still to be seen. */
function isListed({ tombstone, error }: OutboxRow): boolean {
  return !tombstone || error !== undefined;
}

function viewOutbox(row: OutboxRow): OutboxItem {
  return {
    id: hex(row.messageId),
    to: row.to,
    device: row.device,
    state: row.tombstone ? "failed" : row.state,
    queuedAt: isoTime(row.acceptedAtMs),
    attempts: row.attempts,
    ...why(row),
  };
}

/**
 * Failed messages are tried again too, but for those that were cancelled. A daemon goes on by itself; a process that ends
 * with this command stays for what becomes of them.
 */
async function retry(deps: MessengerDeps, id: string | undefined): Promise<{ retried: number }> {
  const rows = deps.store.outbox
    .open()
    .filter((row) => !row.tombstone && (id === undefined || hex(row.messageId) === id));
  if (id !== undefined && rows.length === 0)
    throw new ChatError("OUTBOX_UNKNOWN", "no message with that id is waiting");
  deps.store.transaction(() => {
    for (const row of rows) if (row.state === "failed") deps.store.outbox.requeue(row.id);
  });
  (await deps.engine()).delivery.retry();
  if (deps.daemon === null) {
    await Promise.all(rows.map(({ messageId }) => deps.watch.settled(messageId, "stored", RETRY_PATIENCE_MS)));
  }
  return { retried: rows.length };
}

function cancel(deps: MessengerDeps, id: string): number {
  if (!/^[0-9a-f]{32}$/.test(id)) throw new ChatError("USAGE", "a message id has 32 hex digits");
  const messageId = Buffer.from(id, "hex");
  const cancelled = cancelMessage(deps, messageId);
  if (cancelled === 0) throw new ChatError("OUTBOX_UNKNOWN", "no message with that id is waiting");
  deps.watch.changed([messageId]);
  return cancelled;
}

/** Hiding counts once it is on disk, whether the naming server can be told now or not: what it lists ends by itself. */
async function visibility(deps: MessengerDeps, { visible }: { visible?: boolean }): Promise<VisibilityView> {
  const { hiding } = deps;
  const publisher = deps.running()?.publisher;
  if (visible !== undefined && visible === hiding.hidden) {
    await hiding.set(!visible);
    deps.hidingChanged();
    await publisher?.refresh();
  }
  return { visible: !hiding.hidden, published: publisher?.listed ?? false };
}

async function status(deps: MessengerDeps): Promise<Status> {
  const { store, daemon } = deps;
  const running = deps.running();
  const signal = AbortSignal.timeout(RECORD_AGE_MS);
  const [serverState, log] = await Promise.all([
    deps.naming.lookup(deps.self.username, signal).then(() => "ok" as const, codeOf),
    viewLog(deps, signal),
  ]);
  return {
    ...identity(deps),
    daemon,
    addresses: running?.addresses() ?? [],
    serverState,
    published: running?.publisher?.published ?? false,
    hidden: deps.hiding.hidden,
    keyPackages: running?.publisher?.keyPackages ?? null,
    log,
    outbox: store.outbox.counts(),
    contacts: store.contacts.list().length,
    ...viewConnectivity(running),
  };
}

function viewConnectivity(running: Engine | undefined): Pick<Status, "connections" | "paths" | "relays" | "mailboxes"> {
  const { open, paths, reservations } = running?.connections() ?? {
    open: 0,
    paths: { direct: 0, punched: 0, relay: 0 },
    reservations: [],
  };
  const relays = reservations.map(({ relay, state, sinceMs, error }) => {
    return { relay, state, since: isoTime(sinceMs), ...(error !== undefined && { error }) };
  });
  return { connections: open, paths, relays, mailboxes: running?.mailboxes() ?? [] };
}

const codeOf = (error: unknown) => (error instanceof ChatError ? error.code : "INTERNAL");

function identity({ self, server, profile }: MessengerDeps): Identity {
  const { username, device: peerId } = self;
  return { username, peerId, fingerprint: fingerprintOf(self.identity), server, profile };
}
