import type { DeviceId } from "../shared/device-id.ts";
import { relayReachAt } from "../shared/relay-reach.ts";
import type { Username } from "../shared/username.ts";
import type { OpenOptions } from "./cli/context.ts";
import { ownRecordsOf } from "./history/own-records.ts";
import type { Log } from "./log.ts";
import { mailboxNetwork } from "./mailbox-network.ts";
import type { Core, Notices } from "./messaging/core.ts";
import { Delivery } from "./messaging/delivery.ts";
import type { Hiding } from "./messaging/hiding.ts";
import { Gossip } from "./messaging/keys/gossip.ts";
import { Grants } from "./messaging/mailbox/grants.ts";
import { keepMailbox } from "./messaging/mailbox/keep-mailbox.ts";
import { ParcelSender } from "./messaging/mailbox/parcel-sender.ts";
import { PassingLook } from "./messaging/mailbox/passing-look.ts";
import type { Engine } from "./messaging/messenger.ts";
import { forgetExpired, giveUpOld } from "./messaging/outbound/outbox-upkeep.ts";
import type { Resolver } from "./messaging/ports/contacts.ts";
import type { KeyLog } from "./messaging/ports/key-log.ts";
import { RecordKeeper } from "./messaging/publishing/own-record.ts";
import { Publisher } from "./messaging/publishing/publisher.ts";
import { RelayChoice, type RelayPolicy } from "./messaging/publishing/relay-choice.ts";
import { relayMemory } from "./messaging/publishing/relay-memory.ts";
import { relayOrderSecret } from "./messaging/publishing/relay-order.ts";
import { type Runtime, unhurriedClock } from "./messaging/runtime.ts";
import { SessionBook } from "./messaging/session-book.ts";
import { Typing } from "./messaging/typing.ts";
import type { OpenProfile } from "./open-profile.ts";

/** A naming server that does not answer keeps nobody from listening: known contacts do without it. */
const FIRST_PUBLISH_MS = 2000;
const UPKEEP_EVERY_MS = 60_000;

export type EngineDeps = {
  readonly opened: OpenProfile;
  readonly options: OpenOptions;
  readonly policy: RelayPolicy;
  readonly runtime: Runtime;
  /** As `Core.expiryNow`. */
  readonly expiryNow: () => number;
  readonly resolver: Resolver;
  readonly keyLog: KeyLog;
  readonly hiding: Hiding;
  readonly notices: Notices;
  /** A contact is writing. */
  readonly heardTyping: (from: Username) => void;
  readonly log: Log;
};

/** What delivers, started at most once and only where a command needs it: libp2p and MLS are dear to load. */
export interface LazyEngine {
  start(): Promise<Engine>;
  running(): Engine | undefined;
  stop(signal: AbortSignal): Promise<void>;
}

export function lazyEngine(deps: EngineDeps): LazyEngine {
  let starting: Promise<RunningEngine> | undefined;
  let running: RunningEngine | undefined;
  return {
    async start() {
      starting ??= startEngine(deps);
      running = await starting;
      return running;
    },
    running: () => running,
    stop: async (signal) => (await starting?.catch(() => undefined))?.stop(signal),
  };
}

type RunningEngine = Engine & { stop(signal: AbortSignal): Promise<void> };

async function startEngine(deps: EngineDeps): Promise<RunningEngine> {
  const { opened, options, policy, runtime, expiryNow, resolver, keyLog, hiding, notices, heardTyping, log } = deps;
  const { self, store, naming, keystore, clock, profile, settings } = opened;
  const { deviceSeed } = keystore.secrets;
  const allowLocal = settings.allowLocal ?? profile.allowLocal;
  const daemon = options.mode === "daemon";
  const [{ startNetwork }, punch, { createSecureSessions }, { parcelSeals }] = await Promise.all([
    import("./network/node.ts"),
    daemon ? import("./network/punching/punch.ts") : undefined,
    import("./sessions/secure-sessions.ts"),
    import("./sessions/parcel-seal.ts"),
  ]);
  const sessions = createSecureSessions({ device: self.device, deviceSeed, now: () => clock.now() });
  const gossip = new Gossip({
    self,
    contacts: store.contacts,
    log: keyLog,
    runtime,
    transport: async () => network,
    failed: notices.failed,
  });
  const typing = new Typing({
    contacts: store.contacts,
    runtime,
    transport: async () => network,
    heard: heardTyping,
  });
  const book = new SessionBook(sessions, store);
  const seals = parcelSeals(runtime.randomBytes);
  const grants = new Grants({ store, runtime, seals });
  const core: Core = { self, store, runtime, expiryNow, sessions, book, resolver, gossip, grants, notices };
  const reach = allowLocal ? "loopback" : relayReachAt(naming.url);
  const mailboxes = mailboxNetwork({ allowLocal, reach, own: policy.own, runtime });
  const mail = { ...core, naming, mailboxes, seals, grants };
  const parcels = new ParcelSender(mail);
  const serverNow = () => clock.now();
  const mailbox = keepMailbox({ ...mail, sender: parcels, serverNow, retry: (device) => delivery.retry(device) });
  const usesRelays = policy.own.length > 0 || policy.listed;
  const look =
    daemon || !usesRelays
      ? undefined
      : new PassingLook({
          ...{ mailbox, store, runtime, failed: notices.failed },
          async relays() {
            await relays.start();
            return relays.withRole("mailbox");
          },
        });
  // Not before: what is left matters more to whoever waits.
  const leave = (device: DeviceId) => parcels.leave(device).finally(() => look?.begin());
  const delivery: Delivery = new Delivery({
    ...{ ...core, naming, transport: async () => network },
    parcels: { leave, stop: () => parcels.stop() },
  });
  const relays = new RelayChoice({
    ...{ policy, reach, runtime, failed: notices.failed },
    list: async (signal) => (await naming.relays(signal)).map(({ payload }) => payload),
    remembered: {
      relays: () => store.mailbox.relays(),
      saveRelays: (listed) => store.mark(() => store.mailbox.saveRelays(listed)),
      orderSecret: () => relayOrderSecret(store, runtime),
    },
    changed: () => {
      network.relaysChanged();
      mailbox.use(relays.withRole("mailbox"));
    },
  });
  const isContact = (device: DeviceId) => store.contacts.findByDevice(device) !== undefined;
  const network = await startNetwork({
    deviceSeed,
    ...(daemon && { listen: { port: options.port ?? 0, ...(options.hosts && { hosts: options.hosts }) } }),
    ...(options.announce && { announce: options.announce }),
    ...(punch && { punching: punch.createPunching({ self: self.device, allowLocal, isContact, runtime, log }) }),
    allowLocal,
    lan: settings.lan,
    upnp: settings.upnp,
    isContact,
    relays: () => (hiding.hidden ? [] : relays.withRole("nat")),
    relayMemory: relayMemory(store, notices.failed),
    addressesOf: (device) => store.contacts.findByDevice(device)?.addresses[device] ?? [],
    events: {
      onChannel: (channel) => delivery.serve(channel),
      onGossip: (channel) => void gossip.serve(channel),
      onTyping: (channel) => void typing.serve(channel),
      onConnected(device) {
        delivery.connected(device);
        gossip.connected(device);
      },
      onAddressesChanged: () => void publisher?.refresh(),
      onWoke: () => delivery.retry(),
      onNearby: (device) => delivery.retry(device),
    },
    runtime,
    log,
  });
  const keeper = new RecordKeeper({ self, naming, records: ownRecordsOf(store), runtime });
  const publisher = daemon
    ? new Publisher(
        {
          ...{ self, store, runtime, sessions, naming, keeper, serverNow },
          hidden: () => hiding.hidden,
          failed: notices.failed,
        },
        network,
      )
    : undefined;
  const unhurriedNow = unhurriedClock(runtime);
  if (publisher !== undefined) await atMost(FIRST_PUBLISH_MS, publisher.start(), runtime);
  // By now the naming server has said what the time is: what has expired does not leave any more.
  const upkeep = repeat({ runtime, failed: notices.failed }, () => {
    const answersRead = mailbox.hasRead || !usesRelays;
    const given = giveUpOld({ self, store }, { nowMs: unhurriedNow(), answersRead });
    const forgotten = forgetExpired({ self, store }, expiryNow());
    notices.outboxChanged([...given, ...forgotten].map(({ messageId }) => messageId));
    store.restoreReserve();
    delivery.start();
  });
  look?.beginIfDue();
  if (daemon) {
    if (usesRelays) mailbox.use(relays.withRole("mailbox"));
    else mailbox.withdraw();
    void relays.start();
    delivery.greet();
  }
  return {
    delivery,
    typing,
    publisher,
    mailboxes: () => mailbox.status(),
    async readAnswers(options) {
      await look?.finish(options);
      if (look !== undefined && mailbox.hasRead) upkeep.now();
    },
    addresses: () => network.addresses(),
    connections: () => network.connections(),
    async stop(signal) {
      upkeep.stop();
      relays.stop();
      gossip.stop();
      typing.stop();
      await publisher?.stop(signal);
      await Promise.all([delivery.stop(), mailbox.stop()]);
      await network.stop();
    },
  };
}

/** Waits for `work` that goes on by itself, but no longer than this. */
function atMost(ms: number, work: Promise<void>, runtime: Runtime): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = runtime.after(ms, resolve);
    work.finally(cancel).then(resolve, reject);
  });
}

/** Now and every minute. */
function repeat({ runtime, failed }: { runtime: Runtime; failed: (error: unknown) => void }, run: () => void) {
  let cancel = () => {};
  const now = () => {
    cancel();
    try {
      run();
    } catch (error) {
      failed(error);
    }
    cancel = runtime.after(UPKEEP_EVERY_MS, now);
  };
  now();
  return { now, stop: () => cancel() };
}
