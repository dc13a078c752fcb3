import { hex } from "../../shared/bytes.ts";
import { directConversation } from "../../shared/conversation.ts";
import { ChatError, type ErrorCode } from "../../shared/errors.ts";
import { fingerprintOf } from "../../shared/fingerprint.ts";
import { readAddressee } from "./addressee.ts";
import { contactOperations } from "./contact-operations.ts";
import type { Delivery } from "./delivery.ts";
import { diagnose } from "./diagnose.ts";
import { isoTime, viewEntry } from "./feed/message-view.ts";
import type { Hiding } from "./hiding.ts";
import type { Auditor } from "./keys/audit.ts";
import { keyOperations, viewLog } from "./keys/key-operations.ts";
import type { LogFinding } from "./keys/log-watch.ts";
import type { MailboxStatus } from "./mailbox/mailbox-keeper.ts";
import type { LookOptions } from "./mailbox/passing-look.ts";
import type { KeyRotation } from "./operations/keys.ts";
import type { HistoryPage, HistoryParams, OutboxItem } from "./operations/messages.ts";
import type { Identity, Status, VisibilityView } from "./operations/status.ts";
import type { Operations } from "./operations.ts";
import type { Acceptor } from "./outbound/accept-message.ts";
import { cancel } from "./outbound/cancel-message.ts";
import { why } from "./outbound/dispatch.ts";
import type { OutboxWatch } from "./outbound/outbox-watch.ts";
import { sendOperations } from "./outbound/send-message.ts";
import type { Resolver } from "./ports/contacts.ts";
import type { KeyLog } from "./ports/key-log.ts";
import type { NamingServer } from "./ports/naming-server.ts";
import type { Publisher } from "./publishing/publisher.ts";
import type { Runtime } from "./runtime.ts";
import type { Self } from "./self.ts";
import type { OutboxRow } from "./store/outbox.ts";
import type { Store } from "./store.ts";
import { tokenOperations } from "./tokens/token-operations.ts";
import type { TokenUses } from "./tokens/token-uses.ts";
import type { Typing } from "./typing.ts";

/** What of the program runs only where messages travel. */
export type Engine = {
  readonly delivery: Delivery;
  readonly typing: Pick<Typing, "tell">;
  readonly publisher: Publisher | undefined;
  readonly addresses: () => readonly string[];
  readonly connections: () => Connectivity;
  readonly mailboxes: () => readonly MailboxStatus[];
  /** Where mailboxes are read in passing only: resolves once the answers of others were looked for. */
  readonly readAnswers: (options: LookOptions) => Promise<void>;
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
  /** As `Core.expiryNow`. */
  readonly expiryNow: () => number;
  /** As `ExpiryClock.ofWriting`. */
  readonly serverNow: () => number;
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
  /** Something became visible that did not just arrive. */
  readonly feedChanged: () => void;
  readonly hiding: Hiding;
  readonly hidingChanged: () => void;
  /** Starts what is needed to deliver, once. */
  readonly engine: () => Promise<Engine>;
  /** The engine where it runs already. */
  readonly running: () => Engine | undefined;
  /** The naming server's public URL. */
  readonly server: string;
  readonly profile: string;
  readonly tokens: TokenUses;
  readonly daemon: { readonly pid: number; readonly startedAt: string } | null;
};

const RECORD_AGE_MS = 5000;
const HISTORY_LIMIT = 100;
const RETRY_PATIENCE_MS = 10_000;

/** Everything a profile can do, over its store, its naming server and its peers. */
export function createOperations(deps: MessengerDeps): Operations {
  return {
    ...contactOperations(deps),
    ...keyOperations(deps),
    ...sendOperations(deps),
    history: async (params) => history(deps, params),
    outboxList: async () => ({ items: deps.store.outbox.open().filter(isListed).map(viewOutbox) }),
    outboxRetry: ({ id }) => retry(deps, id),
    outboxCancel: ({ id }) => cancel(deps, id),
    visibility: (params) => visibility(deps, params),
    status: () => status(deps),
    whoami: async () => identity(deps),
    diagnose: () => diagnose(deps),
    ...tokenOperations(deps),
  };
}

function history({ self, store, server, expiryNow }: MessengerDeps, params: HistoryParams): HistoryPage {
  const username = readAddressee(params.with, server);
  const limit = params.limit ?? HISTORY_LIMIT;
  // One more than asked for says whether there is any.
  const found = store.history.list({
    conversation: directConversation(self.username, username),
    limit: limit + 1,
    sinceMs: readTime(params.since, 0),
    beforeMs: readTime(params.before, Number.MAX_SAFE_INTEGER),
    search: params.search,
    nowMs: expiryNow(),
    ...(params.olderThan !== undefined && { olderThan: params.olderThan }),
  });
  const entries = found.slice(-limit);
  return {
    messages: entries.map((entry) => viewEntry(store, entry, self.username)),
    older: found.length > limit ? (entries[0]?.place ?? null) : null,
  };
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
  const { delivery, readAnswers } = await deps.engine();
  delivery.retry();
  if (deps.daemon === null) {
    const settled = rows.map(({ messageId }) => deps.watch.settled(messageId, "stored", RETRY_PATIENCE_MS));
    await Promise.all([...settled, readAnswers({ withinMs: RETRY_PATIENCE_MS, asked: true })]);
  }
  return { retried: rows.length };
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
