import { publicKeyOfDevice } from "../shared/device-id.ts";
import { privateKeyObject } from "../shared/ed25519.ts";
import { ChatError } from "../shared/errors.ts";
import { LIMITS, PUNCH_PROTOCOLS } from "../shared/protocol.ts";
import { RELAY_ROLES, type RelayRole } from "../shared/relay-descriptor.ts";
import type { RelayOptions, RunningRelay } from "./cli/context.ts";
import { openDatabase } from "./history/database.ts";
import { openPrivateDirectory, type ProfileDirectory } from "./identity/profile-directory.ts";
import { tryAcquireProfileLock } from "./identity/profile-lock.ts";
import { relaySeed } from "./identity/relay-file.ts";
import { createLog, type Log } from "./log.ts";
import { systemRuntime } from "./messaging/runtime.ts";
import { createClock } from "./naming/clock.ts";
import { createRelayList } from "./naming/relay-list.ts";
import { isLoopback, parseServerUrl } from "./naming/server-url.ts";
import { serveObserved } from "./network/punching/observed.ts";
import { type RelayNode, startRelayNode } from "./network/relay/relay-node.ts";
import { readAuthorities } from "./open-profile.ts";
import { collectSoonerInCrowds } from "./relay/garbage.ts";
import { startHealthServer } from "./relay/health-server.ts";
import { RELAY_LIMITS, type RelayLimits } from "./relay/limits.ts";
import { Listing } from "./relay/listing.ts";
import { Mailbox } from "./relay/mailbox.ts";
import { MAILBOX_MIGRATIONS } from "./relay/mailbox-schema.ts";
import { serveMailbox } from "./relay/mailbox-session.ts";
import { Metrics } from "./relay/metrics.ts";
import { RelayRules } from "./relay/relay-rules.ts";
import { sweepNowAndThen } from "./relay/sweep.ts";
import { within } from "./relay/within.ts";

const NODE_STOP_TIMEOUT_MS = 4000;
const MS_PER_SECOND = 1000;

/** What the parts of one relay share. */
type Relay = {
  readonly roles: readonly RelayRole[];
  readonly options: RelayOptions;
  readonly limits: RelayLimits;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly rules: RelayRules;
  readonly failed: (error: ChatError) => void;
  readonly cleanup: AsyncDisposableStack;
};

/**
 * Puts a relay to work: the one place that knows every part of it.
 *
 * @throws ChatError CONFIG_INVALID, PROFILE_BUSY, PROFILE_UNSAFE, STORAGE, STORE_CORRUPT
 */
export async function startRelay(options: RelayOptions): Promise<RunningRelay> {
  const failure = Promise.withResolvers<ChatError>();
  const limits = limitsOf(options);
  await using cleanup = new AsyncDisposableStack();
  const log = createLog(options.verbose ? "debug" : "warn");
  const roles = rolesOf(options);
  const relay: Relay = {
    roles,
    options,
    limits,
    log,
    cleanup,
    metrics: new Metrics(),
    rules: new RelayRules(limits, () => systemRuntime.monotonic()),
    failed(error) {
      log("the store failed", { error });
      failure.resolve(error);
    },
  };
  const directory = openPrivateDirectory(options.directory);
  lock(directory, cleanup);
  const seed = await relaySeed(directory.file("relay.json"));
  const mailbox = roles.includes("mailbox") ? openMailbox(directory, relay) : undefined;
  const node = await startNode(seed, mailbox, relay);
  cleanup.defer(collectSoonerInCrowds(() => node.counts().connections, systemRuntime));
  observe(node, mailbox, relay);
  const metricsUrl = await startHealth(mailbox, relay);
  list(node, seed, relay);
  log("started", { roles });
  const resources = cleanup.move();
  return {
    peerId: node.device,
    addresses: node.addresses,
    roles,
    metricsUrl,
    failed: failure.promise,
    async stop() {
      await resources.disposeAsync();
      log("stopped");
    },
  };
}

function limitsOf({ limits, operator }: RelayOptions): RelayLimits {
  const unknown = Object.keys(limits).find((name) => !(name in RELAY_LIMITS));
  if (unknown !== undefined) {
    const names = Object.keys(RELAY_LIMITS).join(", ");
    throw new ChatError("USAGE", `there is no limit "${unknown}"; there are ${names}`);
  }
  if (operator.length > LIMITS.relayOperatorMaxLength) {
    throw new ChatError("USAGE", `--operator takes at most ${LIMITS.relayOperatorMaxLength} characters`);
  }
  return { ...RELAY_LIMITS, ...limits };
}

function rolesOf({ roles }: RelayOptions): readonly RelayRole[] {
  if (roles.length === 0) return RELAY_ROLES;
  const known = RELAY_ROLES.filter((role) => roles.includes(role));
  if (known.length === roles.length) return known;
  throw new ChatError("USAGE", `--roles takes one or more of ${RELAY_ROLES.join(", ")}`);
}

function lock(directory: ProfileDirectory, cleanup: AsyncDisposableStack): void {
  const answer = tryAcquireProfileLock(directory);
  if ("heldBy" in answer) {
    const pid = answer.heldBy;
    throw new ChatError("PROFILE_BUSY", "another relay uses this directory", { details: { pid } });
  }
  cleanup.defer(() => answer.release());
}

function openMailbox(directory: ProfileDirectory, { limits, failed, cleanup }: Relay): Mailbox {
  const database = openDatabase(directory.file("mailbox.db"), { migrations: MAILBOX_MIGRATIONS });
  cleanup.defer(() => database.close());
  const mailbox = new Mailbox({ database, limits, runtime: systemRuntime, failed });
  cleanup.defer(sweepNowAndThen(mailbox, systemRuntime));
  return mailbox;
}

async function startNode(seed: Uint8Array, mailbox: Mailbox | undefined, relay: Relay): Promise<RelayNode> {
  const { roles, options, limits, rules, metrics, cleanup } = relay;
  const { listen, announce } = options;
  const node = await startRelayNode({
    seed,
    listen,
    announce,
    allowLocal: announcesLocal(options),
    rules,
    runtime: systemRuntime,
    ...(roles.includes("nat") && {
      nat: { maxReservations: limits.reservations, relayedMs: limits.relayedSeconds * MS_PER_SECOND },
      handlers: { [PUNCH_PROTOCOLS.observed]: serveObserved(systemRuntime) },
    }),
    ...(mailbox !== undefined && {
      onMailbox: (channel, network) => {
        const counted = (what: string) => metrics.answered(what);
        const relayKey = publicKeyOfDevice(node.device);
        return serveMailbox({ channel, mailbox, network, relayKey, runtime: systemRuntime, counted });
      },
    }),
    limits: { inboundPerSecondAndAddress: limits.connectionsPerNetwork },
  });
  cleanup.defer(() => within(NODE_STOP_TIMEOUT_MS, node.stop(), systemRuntime));
  return node;
}

/** Loopback addresses help only those on this machine. */
function announcesLocal({ settings, listen }: RelayOptions): boolean {
  if (settings.allowLocal !== undefined) return settings.allowLocal;
  if (settings.server !== undefined) return isLoopback(parseServerUrl(settings.server, settings));
  return listen.hosts?.every((host) => host === "127.0.0.1" || host === "::1") ?? false;
}

function observe(node: RelayNode, mailbox: Mailbox | undefined, { metrics, rules }: Relay): void {
  metrics.gauge("connections", "Open connections.", () => node.counts().connections);
  metrics.gauge("reservations", "Reservations held.", () => node.counts().reservations);
  metrics.gauge("relayed_connections", "Relayed connections.", () => rules.counts().relayed);
  metrics.gauge("relayed_bytes_total", "Bytes relayed, both ways.", () => rules.counts().relayedBytes);
  metrics.gauge("process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss());
  metrics.gauge("process_uptime_seconds", "Time since the start.", () => process.uptime());
  if (mailbox === undefined) return;
  metrics.gauge("mailbox_connections", "Mailbox streams.", () => rules.counts().mailboxConnections);
  metrics.gauge("boxes", "Boxes.", () => mailbox.totals().boxes);
  metrics.gauge("parcels", "Parcels stored.", () => mailbox.totals().parcels);
  metrics.gauge("stored_bytes", "Bytes of parcels stored.", () => mailbox.totals().bytes);
  metrics.gauge("spent_tokens", "Used tokens that are remembered.", () => mailbox.totals().spent);
  metrics.gauge("disk_full", "1 while the disk is full.", () => Number(mailbox.isFull));
}

async function startHealth(mailbox: Mailbox | undefined, relay: Relay): Promise<string | undefined> {
  const { metricsPort: port } = relay.options;
  if (port === undefined) return undefined;
  let isStopping = false;
  const ready = () => !isStopping && mailbox?.isFull !== true;
  const server = await startHealthServer({ port, metrics: relay.metrics, ready });
  relay.cleanup.defer(() => server.stop());
  relay.cleanup.defer(() => {
    isStopping = true;
  });
  return server.url;
}

function list(node: RelayNode, seed: Uint8Array, { roles, options, limits, log, cleanup }: Relay): void {
  const { settings, operator } = options;
  if (settings.server === undefined) return;
  const clock = createClock(() => systemRuntime.now());
  const server = createRelayList({
    url: settings.server,
    allowHttp: settings.allowHttp,
    ca: readAuthorities(settings),
    clock,
  });
  const { reservations, boxes, parcelsPerBox, bytesPerBox, keepSeconds } = limits;
  const listing = new Listing({
    list: server,
    offer: {
      relay: node.device,
      roles: [...roles],
      limits: { reservations, boxes, parcelsPerBox, bytesPerBox, keepSeconds },
      operator,
      addrs: [...node.addresses],
    },
    key: privateKeyObject(seed),
    now: () => clock.now(),
    runtime: systemRuntime,
    listed: () => log("listed"),
    failed: (error) => log("not listed", { error }),
  });
  listing.start();
  cleanup.defer(async () => {
    await listing.stop();
    server.close();
  });
}
