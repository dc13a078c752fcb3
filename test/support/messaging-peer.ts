import { createAuditor } from "../../peer/contacts/auditor.ts";
import { createResolver } from "../../peer/contacts/resolver.ts";
import { type OpenStore, openStore } from "../../peer/history/store.ts";
import type { Core, Notices } from "../../peer/messaging/core.ts";
import { Delivery } from "../../peer/messaging/delivery.ts";
import { EventFeed } from "../../peer/messaging/feed/event-feed.ts";
import { GapTimers } from "../../peer/messaging/inbound/visibility.ts";
import { Gossip } from "../../peer/messaging/keys/gossip.ts";
import { Grants } from "../../peer/messaging/mailbox/grants.ts";
import { keepMailbox } from "../../peer/messaging/mailbox/keep-mailbox.ts";
import type { MailboxKeeper } from "../../peer/messaging/mailbox/mailbox-keeper.ts";
import { ParcelSender } from "../../peer/messaging/mailbox/parcel-sender.ts";
import { createOperations, type Engine } from "../../peer/messaging/messenger.ts";
import type { SendResult } from "../../peer/messaging/operations/messages.ts";
import type { Access } from "../../peer/messaging/operations/tokens.ts";
import type { Operations } from "../../peer/messaging/operations.ts";
import { Acceptor } from "../../peer/messaging/outbound/accept-message.ts";
import { standDown } from "../../peer/messaging/outbound/old-copy.ts";
import { forgetExpired, giveUpOld } from "../../peer/messaging/outbound/outbox-upkeep.ts";
import { OutboxWatch } from "../../peer/messaging/outbound/outbox-watch.ts";
import type { Contact, ContactStore } from "../../peer/messaging/ports/contacts.ts";
import type { KeyLog } from "../../peer/messaging/ports/key-log.ts";
import type { MailboxNetwork } from "../../peer/messaging/ports/mailboxes.ts";
import type { SecureSessions } from "../../peer/messaging/ports/sessions.ts";
import type { Self } from "../../peer/messaging/self.ts";
import { SessionBook } from "../../peer/messaging/session-book.ts";
import type { OutboxRow } from "../../peer/messaging/store/outbox.ts";
import { createAccess } from "../../peer/messaging/tokens/token-access.ts";
import { TokenUses } from "../../peer/messaging/tokens/token-uses.ts";
import { Typing } from "../../peer/messaging/typing.ts";
import { parcelSeals } from "../../peer/sessions/parcel-seal.ts";
import { createSecureSessions } from "../../peer/sessions/secure-sessions.ts";
import { ChatError } from "../../shared/errors.ts";
import { sha256 } from "../../shared/hash.ts";
import { counted, countedPublishing } from "./counted-work.ts";
import type { FakeTime } from "./fake-time.ts";
import type { MemoryDirectory } from "./memory-directory.ts";
import type { MemoryNetwork } from "./memory-network.ts";
import { AUDIENCE, type Person } from "./people.ts";

/** What several processes of one test share. */
export type Surroundings = {
  readonly time: FakeTime;
  readonly network: MemoryNetwork;
  readonly directory: MemoryDirectory;
  /** Counts what is under way outside the event loop's turns. */
  readonly pending: { count: number };
  readonly mailboxes: MailboxNetwork;
};

export type PeerOptions = {
  readonly person: Person;
  readonly databasePath: string;
  readonly incarnation?: string;
  /** Instead of the one that believes the directory. */
  readonly log?: KeyLog;
  /** Which relays keep this person's mailboxes, by multiaddr. */
  readonly relays?: readonly string[];
  /** What the naming server's clock is ahead of this computer's. */
  readonly clockOffsetMs?: number;
  /** Stands between the rules and the sessions. */
  readonly wrapSessions?: (sessions: SecureSessions) => SecureSessions;
};

/** One person's program, wired as `peer/compose.ts` wires it, over the network, the time and the directory of a test. */
export class MessagingPeer {
  readonly person: Person;
  readonly self: Self;
  readonly store: OpenStore;
  readonly databasePath: string;
  readonly sessions: SecureSessions;
  readonly core: Core;
  readonly delivery: Delivery;
  readonly typing: Typing;
  /** Who was heard to be writing. */
  readonly typed: string[] = [];
  readonly parcels: ParcelSender;
  readonly mailbox: MailboxKeeper;
  readonly feed: EventFeed;
  readonly operations: Operations;
  readonly access: Access;
  readonly failures: unknown[] = [];
  restoredNotices = 0;
  readonly #surroundings: Surroundings;
  readonly #runtime: ReturnType<FakeTime["runtime"]>;
  readonly #gaps: GapTimers;

  constructor(surroundings: Surroundings, options: PeerOptions) {
    const { time, network, directory, pending } = surroundings;
    const { person, incarnation = "first life" } = options;
    this.#surroundings = surroundings;
    this.person = person;
    this.databasePath = options.databasePath;
    this.self = {
      username: person.username,
      device: person.device,
      deviceKey: person.deviceKey,
      identity: person.identity,
      incarnation: sha256(Buffer.from(`${person.username} ${incarnation}`)).subarray(0, 16),
    };
    const runtime = time.runtime(`${person.device} ${incarnation}`);
    this.#runtime = runtime;
    this.store = openStore(options.databasePath, { dataKey: sha256(Buffer.from(person.device)), profileId: "test" });
    const { store, self } = this;
    // The library checks lifetimes against the system's clock.
    const made = createSecureSessions({ device: self.device, deviceSeed: seedOf(person), now: () => Date.now() });
    this.sessions = options.wrapSessions?.(made) ?? made;
    const expiryNow = () => runtime.now() + (options.clockOffsetMs ?? 0);
    this.feed = new EventFeed({ self, store, expiryNow });
    const watch = new OutboxWatch(store, runtime);
    const failed = (error: unknown) => void this.failures.push(error);
    this.#gaps = new GapTimers({ store, runtime, show: () => this.feed.wake(), failed });
    const resolver = counted(
      createResolver({
        server: directory,
        contacts: inTransactions(store),
        log: directory.log,
        now: () => runtime.now(),
        monotonic: () => runtime.monotonic(),
        audience: () => AUDIENCE,
        own: self,
      }),
      pending,
    );
    const notices: Notices = {
      released: () => this.feed.wake(),
      stored: (lanes) => this.#gaps.refresh(lanes),
      keyPackageUsed: () => undefined,
      sessionChanged: (device) => this.delivery.nudge(device),
      commitAwaited: (device) => this.delivery.finishCommit(device),
      outboxChanged: (messageIds) => {
        watch.changed(messageIds);
        this.feed.outboxChanged(messageIds);
      },
      requeued: (device) => this.delivery.retry(device),
      restored: () => {
        this.restoredNotices += 1;
        standDown({ store, watch, delivery: this.delivery, disown: () => undefined, failed });
      },
      failed,
    };
    const book = new SessionBook(this.sessions, store);
    const gossip = new Gossip({
      self,
      contacts: store.contacts,
      log: options.log ?? directory.log,
      runtime,
      transport: async () => transport,
      failed,
    });
    const seals = parcelSeals((length) => runtime.randomBytes(length));
    const grants = new Grants({ store, runtime, seals });
    this.core = { self, store, runtime, expiryNow, sessions: this.sessions, book, resolver, gossip, grants, notices };
    this.typing = new Typing({
      contacts: store.contacts,
      runtime,
      transport: async () => transport,
      heard: (from) => this.typed.push(from),
    });
    const transport = network.attach(self.device, {
      onChannel: (channel) => this.delivery.serve(channel),
      onGossip: (channel) => void gossip.serve(channel),
      onTyping: (channel) => void this.typing.serve(channel),
      onConnected: (device) => this.delivery.connected(device),
    });
    const mailbox = { ...this.core, naming: directory, mailboxes: surroundings.mailboxes, seals, grants };
    const parcels = new ParcelSender(mailbox);
    this.parcels = parcels;
    this.mailbox = keepMailbox({
      ...mailbox,
      ...countedPublishing(mailbox, pending),
      sender: parcels,
      retry: (device) => this.delivery.retry(device),
    });
    this.delivery = new Delivery({
      ...this.core,
      naming: directory,
      parcels,
      transport: async () => transport,
    });
    const engine: Engine = {
      delivery: this.delivery,
      typing: this.typing,
      publisher: undefined,
      addresses: () => transport.addresses(),
      connections: () => ({ open: 0, paths: { direct: 0, punched: 0, relay: 0 }, reservations: [] }),
      mailboxes: () => this.mailbox.status(),
      readAnswers: async () => undefined,
    };
    const tokens = new TokenUses(runtime);
    this.operations = createOperations({
      self,
      store,
      runtime,
      expiryNow,
      serverNow: expiryNow,
      resolver,
      keyLog: directory.log,
      auditor: createAuditor({
        server: directory,
        known: (username) => store.contacts.find(username)?.record,
        log: directory.log,
        audience: () => AUDIENCE,
        own: self,
      }),
      logFinding: () => undefined,
      rotateIdentity: async () => {
        throw new ChatError("NOT_FOUND", "this test has no keystore");
      },
      naming: directory,
      acceptor: new Acceptor({ self, store, runtime }),
      watch,
      feedChanged: () => this.feed.wake(),
      engine: async () => engine,
      running: () => engine,
      server: AUDIENCE,
      profile: "test",
      hiding: { hidden: false, set: async () => undefined },
      hidingChanged: () => undefined,
      tokens,
      daemon: { pid: 1, startedAt: "" },
    });
    const { operations, feed } = this;
    this.access = createAccess({ store, runtime, tokens, operations, feed, server: AUDIENCE });
    this.#gaps.refresh();
    this.delivery.start();
    if (options.relays !== undefined) this.mailbox.use(options.relays);
  }

  /** Makes key packages and leaves them in the directory. */
  async leaveKeyPackages(count: number, { lastResort = false } = {}): Promise<void> {
    for (let made = 0; made < count; made += 1) await this.#leaveOne(false);
    if (lastResort) await this.#leaveOne(true);
  }

  async #leaveOne(lastResort: boolean): Promise<void> {
    const keyPackage = await this.sessions.createKeyPackage({ lastResort });
    const { store } = this;
    store.transaction(() => store.keyPackages.save({ ...keyPackage, lastResort, createdAtMs: 0 }));
    const { directory } = this.#surroundings;
    if (lastResort) directory.leave(this.self.device, [], keyPackage.publicPackage);
    else directory.leave(this.self.device, [keyPackage.publicPackage]);
  }

  /** Into the outbox; the delivery goes on by itself. */
  send(to: MessagingPeer | string, text: string, id?: string): Promise<SendResult> {
    const name = typeof to === "string" ? to : to.person.username;
    return this.operations.send({ to: name, text, wait: "queued", timeoutMs: 60_000, ...(id !== undefined && { id }) });
  }

  /** The texts that became visible, in that order, a gap as the number of messages that are missing. */
  inbox(): (string | number)[] {
    const visible = this.store.inbox.visibleAfter(0, Number.MAX_SAFE_INTEGER);
    return visible.flatMap(({ text, gapBefore, readable }) => [
      ...(gapBefore > 0 ? [gapBefore] : []),
      ...(readable ? [text] : []),
    ]);
  }

  /** Everything on its way or failed: text or tombstone, state and why. */
  outbox(): readonly Pick<OutboxRow, "seq" | "state" | "error" | "tombstone">[] {
    return this.store.outbox.open().map(({ seq, state, error, tombstone }) => ({ seq, state, error, tombstone }));
  }

  contact(of: MessagingPeer | Person): Contact | undefined {
    return this.store.contacts.find("person" in of ? of.person.username : of.username);
  }

  upkeep(): void {
    const nowMs = this.#runtime.now();
    const given = giveUpOld(this, { nowMs, answersRead: this.mailbox.hasRead });
    const changed = [...given, ...forgetExpired(this, this.core.expiryNow())];
    this.core.notices.outboxChanged(changed.map(({ messageId }) => messageId));
  }

  /** Ends as a program does that is asked to. */
  async stop(): Promise<void> {
    this.#gaps.stop();
    await Promise.all([this.delivery.stop(), this.mailbox.stop()]);
    this.kill();
  }

  /** Ends between two instructions: nothing that follows reaches the network or the disk. */
  kill(): void {
    void this.mailbox.stop();
    void this.parcels.stop();
    this.#runtime.stop();
    this.#surroundings.network.detach(this.self.device);
    this.store.close();
  }
}

/** The 32-byte seed of a person's device key. */
export function seedOf({ deviceKey }: Pick<Person, "deviceKey">): Uint8Array {
  return new Uint8Array(deviceKey.export({ format: "der", type: "pkcs8" }).subarray(-32));
}

function inTransactions({ contacts, transaction }: OpenStore): ContactStore {
  return {
    ...contacts,
    save: (contact) => transaction(() => contacts.save(contact)),
    remove: (username) => transaction(() => contacts.remove(username)),
  };
}
