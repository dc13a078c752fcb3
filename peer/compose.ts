import { hex } from "../shared/bytes.ts";
import { ChatError, isChatError } from "../shared/errors.ts";
import { fingerprintOf } from "../shared/fingerprint.ts";
import { parseNameRecord } from "../shared/name-record.ts";
import type { Username } from "../shared/username.ts";
import type { Messenger, OpenOptions, Programs } from "./cli/context.ts";
import { type LazyEngine, lazyEngine } from "./engine.ts";
import { createHiding } from "./hiding.ts";
import { keysOf } from "./keys.ts";
import { createLog, type Log } from "./log.ts";
import type { Notices } from "./messaging/core.ts";
import { ContactWatch } from "./messaging/feed/contact-watch.ts";
import { EventFeed } from "./messaging/feed/event-feed.ts";
import { isoTime } from "./messaging/feed/message-view.ts";
import { PresenceBoard } from "./messaging/feed/presence-board.ts";
import { GapTimers } from "./messaging/inbound/visibility.ts";
import type { LogWatch } from "./messaging/keys/log-watch.ts";
import { createOperations } from "./messaging/messenger.ts";
import { Acceptor } from "./messaging/outbound/accept-message.ts";
import { standDown } from "./messaging/outbound/old-copy.ts";
import { forgetExpired } from "./messaging/outbound/outbox-upkeep.ts";
import { OutboxWatch } from "./messaging/outbound/outbox-watch.ts";
import { queueForContact } from "./messaging/outbound/send-message.ts";
import type { ContactStore } from "./messaging/ports/contacts.ts";
import { parseRelayPolicy } from "./messaging/publishing/relay-choice.ts";
import { systemRuntime } from "./messaging/runtime.ts";
import type { Store } from "./messaging/store.ts";
import { createAccess } from "./messaging/tokens/token-access.ts";
import { TokenUses } from "./messaging/tokens/token-uses.ts";
import { TYPING_LASTS_MS } from "./messaging/typing.ts";
import { disownBirth, keyLogOf, type OpenProfile, openProfile, unlessNoRoom } from "./open-profile.ts";
import { giveNewLife } from "./restore.ts";
import { resumeRotation } from "./rotate.ts";

const STOP_TIMEOUT_MS = 3000;

/**
 * Puts a profile to work: the one place that knows every part of the peer.
 *
 * @throws ChatError CONFIG_INVALID, and as `openProfile`; for a restored copy, as `giveNewLife`
 */
export async function openMessenger(options: OpenOptions): Promise<Messenger> {
  const runtime = systemRuntime;
  // A mistake there is told before a message is accepted.
  const policy = parseRelayPolicy(options.settings.relays);
  const opened = await openForWork(options);
  const { self, store, profile, naming } = opened;
  const log: Log = options.silent ? () => undefined : createLog(options.verbose ? "debug" : "warn");
  log("opened", { mode: options.mode });
  const expiryNow = () => opened.expiryClock.now();
  const serverNow = () => opened.expiryClock.ofWriting();
  // A profile that never delivers forgets too, but nothing by a clock that may have been set wrong.
  if (!opened.restored && opened.expiryClock.isChecked()) {
    unlessNoRoom(() => forgetExpired({ self, store }, expiryNow()));
  }
  const feed = new EventFeed({ self, store, expiryNow });
  const watch = new OutboxWatch(store, runtime);
  const gaps = new GapTimers({ store, runtime, show: () => feed.wake(), failed: (error) => notices.failed(error) });
  const contacts = announcing(inTransactions(store), feed);
  const failed = (error: unknown) => notices.failed(error);
  const keys = keysOf(opened, { mode: options.mode, contacts, feed, runtime, failed });
  const { keyLog, resolver, auditor, logWatch, rotation } = keys;
  const notices = noticesOf({
    feed,
    watch,
    gaps,
    store,
    log,
    verbose: options.verbose,
    logWatch,
    engine: () => engine,
  });
  const hiding = createHiding(opened.directory, profile);
  const heardTyping = (from: Username) => {
    feed.emit({ type: "typing", from, until: isoTime(runtime.now() + TYPING_LASTS_MS) });
  };
  const engine = lazyEngine({
    ...{ opened, options, policy, hiding, runtime, expiryNow, resolver, keyLog, notices, heardTyping, log },
  });
  gaps.refresh();
  if (options.network) await rotation.settle(options.signal);
  let stopping = false;
  const goOnline = async () => {
    await engine.start();
    log("listening");
    if (!stopping) void logWatch.start();
  };
  if (options.mode === "daemon" && !options.offline) await goOnline();
  const presence = new PresenceBoard({ naming, isContact: (name) => store.contacts.find(name) !== undefined });
  const contactWatch = new ContactWatch({
    ...{ presence, contacts, runtime },
    seen({ username }, online) {
      if (options.presence) feed.emit({ type: "presence", username, online });
      // Nobody can dial who is hidden: whoever has something for this profile waits for it to call.
      if (online && hiding.hidden) engine.running()?.delivery.greet(username);
    },
    failed: notices.failed,
  });
  const watchContacts = () => contactWatch.set(options.mode === "daemon" && (options.presence || hiding.hidden));
  watchContacts();
  const tokens = new TokenUses(runtime);
  const operations = createOperations({
    self,
    store,
    runtime,
    expiryNow,
    serverNow,
    resolver,
    keyLog,
    auditor,
    logFinding: () => logWatch.finding(),
    rotateIdentity: rotation.rotate,
    naming,
    acceptor: new Acceptor({ self, store, runtime }),
    watch,
    feedChanged: () => feed.wake(),
    hiding,
    hidingChanged: watchContacts,
    engine: engine.start,
    running: engine.running,
    tokens,
    server: profile.server,
    profile: options.settings.profile,
    daemon: options.mode === "daemon" ? { pid: process.pid, startedAt: new Date(runtime.now()).toISOString() } : null,
  });
  return {
    operations,
    feed,
    presence,
    access: createAccess({ store, runtime, tokens, operations, feed, server: profile.server }),
    ready: { username: self.username, peerId: self.device, addresses: engine.running()?.addresses() ?? [] },
    goOnline,
    async stop() {
      stopping = true;
      contactWatch.set(false);
      await logWatch.stop();
      await engine.stop(AbortSignal.timeout(STOP_TIMEOUT_MS));
      gaps.stop();
      opened.close();
      log("closed");
    },
  };
}

/** Stores a message for a known contact while another process holds the profile: whoever runs next delivers it. */
export const queueMessage: Programs["queueMessage"] = async ({ settings, directory, signal }, params) => {
  const opened = await openProfile(directory, { settings, runtime: systemRuntime, signal });
  try {
    if (opened.restored) throw new ChatError("PROFILE_BUSY", "this profile was restored from a copy and is in use");
    const { self, store, profile } = opened;
    const serverNow = () => opened.expiryClock.ofWriting();
    const acceptor = new Acceptor({ self, store, runtime: systemRuntime });
    return await queueForContact({ self, store, acceptor, serverNow, server: profile.server }, params);
  } finally {
    opened.close();
  }
};

/** Opens the profile; a restored copy gets its new life first, if the command reaches out at all. */
async function openForWork(options: OpenOptions): Promise<OpenProfile> {
  const { settings, directory, signal } = options;
  const open = () => openProfile(directory, { settings, runtime: systemRuntime, signal });
  const opened = await open();
  if (!opened.restored || !options.network) return opened;
  try {
    await resumeRotation(opened, keyLogOf(opened), signal);
    await giveNewLife(opened, { runtime: systemRuntime, signal });
  } finally {
    opened.close();
  }
  return open();
}

/** The resolver saves one contact at a time, each in a transaction of its own. */
function inTransactions({ contacts, transaction }: Store): ContactStore {
  return {
    ...contacts,
    save: (contact) => transaction(() => contacts.save(contact)),
    remove: (username) => transaction(() => contacts.remove(username)),
  };
}

/** Tells listeners about every key change that is noted. */
function announcing(contacts: ContactStore, feed: EventFeed): ContactStore {
  return {
    ...contacts,
    save(contact) {
      const before = contacts.find(contact.username)?.changed;
      contacts.save(contact);
      const { username, identity, changed } = contact;
      if (changed === undefined || changed.record === before?.record) return;
      const offered = parseNameRecord(changed.record).identity;
      const fingerprints = { oldFingerprint: fingerprintOf(identity), newFingerprint: fingerprintOf(offered) };
      feed.emit({ type: "key-change", username, ...fingerprints });
    },
  };
}

type NoticeDeps = {
  readonly feed: EventFeed;
  readonly watch: OutboxWatch;
  readonly gaps: GapTimers;
  readonly store: OpenProfile["store"];
  readonly log: Log;
  readonly verbose: boolean;
  readonly logWatch: LogWatch;
  readonly engine: () => LazyEngine;
};

function noticesOf({ feed, watch, gaps, store, log, verbose, logWatch, engine }: NoticeDeps): Notices {
  let mismatch: string | undefined;
  const failed = (error: unknown) => {
    log("failed", { code: isChatError(error) ? error.code : "INTERNAL", error });
    if (isChatError(error, "STORAGE", "STORE_CORRUPT"))
      feed.emit({ type: "error", code: error.code, message: error.message });
    // It stays so until somebody puts it right, and comes again with every attempt to publish.
    if (isChatError(error, "SERVER_MISMATCH") && error.message !== mismatch) {
      mismatch = error.message;
      feed.emit({ type: "error", code: error.code, message: error.message });
    }
    if (isChatError(error)) logWatch.hear(error);
  };
  return {
    released: () => feed.wake(),
    stored(lanes) {
      log("received");
      gaps.refresh(lanes);
    },
    keyPackageUsed: () => engine().running()?.publisher?.keyPackageUsed(),
    sessionChanged: (device) => engine().running()?.delivery.nudge(device),
    commitAwaited: (device) => engine().running()?.delivery.finishCommit(device),
    outboxChanged(messageIds) {
      watch.changed(messageIds);
      feed.outboxChanged(messageIds);
      if (!verbose) return;
      for (const id of messageIds) log("outbox", { id: hex(id), state: store.outbox.stateOf(id) });
    },
    requeued: (device) => engine().running()?.delivery.retry(device),
    restored() {
      const { delivery } = engine().running() ?? {};
      standDown({ store, watch, delivery, disown: () => disownBirth(store), failed });
      const message = "this profile is an old copy of itself; start p2pchat again, and it becomes a new device";
      feed.emit({ type: "error", code: "PROFILE_UNSAFE", message });
    },
    failed,
  };
}
