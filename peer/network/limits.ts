import { LIMITS } from "../../shared/protocol.ts";

/** Every limit of the transport, in one place to review. Times are milliseconds, sizes bytes. */
export const NETWORK_LIMITS = {
  // Connections: libp2p's own defaults let two idle sockets a second lock every honest peer out.

  /** Open connections in all; about 180 KB of memory each. */
  connections: 300,
  /** Of those, kept free for contacts, so that strangers cannot crowd them out. */
  connectionsForContacts: 100,
  /** One device: both dial at once, and once more after a network change; more is an attack. */
  connectionsPerDevice: 4,
  /** Accepted sockets that have not finished their handshake. */
  pendingIncoming: 256,
  /** New inbound connections a second and address; many honest peers share one address behind a NAT. */
  inboundPerSecondAndAddress: 50,
  /** A handshake takes four round trips at most; a silent socket frees its place after this. */
  upgradeTimeoutMs: 4000,
  /** Agreeing on a stream's protocol, either way; two round trips. For whoever asks, while nothing comes in. */
  negotiationTimeoutMs: 4000,
  /** While other things come in: what this device sends stands in the question's way, on a slow line for long. */
  negotiationMaxMs: 60_000,
  /** One address of a record, so that a black hole leaves time for the next. */
  addressDialTimeoutMs: 4000,
  /** All addresses of a record together. */
  dialTimeoutMs: 20_000,
  /** Connections of strangers without a stream are closed after this; contacts behind a NAT stay reachable by theirs. */
  unusedConnectionMs: 60_000,
  /** How often unused and doubled connections are looked for. */
  sweepIntervalMs: 5000,
  /** Without a sign of life from the other side, before it is asked for one. */
  pingIntervalMs: 20_000,
  /** For the sign, of whatever kind. */
  pingTimeoutMs: 30_000,

  // Dialling: addresses are tried side by side, those that promise most first

  /** Between one direct address and the next. */
  dialStaggerMs: 250,
  /** What direct addresses have over relayed ones. */
  relayHeadStartMs: 400,
  /** Between one relayed address and the next: each costs a stranger's relay a connection. */
  relayStaggerMs: 500,

  // Relays on which this device may be reached

  /** So many at a time. */
  relays: 2,
  /** Connecting and asking for a place. */
  reserveTimeoutMs: 8000,
  /** With the timeout, and a moment for the next relay, half a minute at most; a relay has thousands to answer. */
  relayPingIntervalMs: 12_000,
  /** In which nothing at all comes while a relay is asked. */
  relayPingTimeoutMs: 12_000,
  /** For an answer while other things come: a slow uplink holds the question back behind windows of 1 MiB. */
  relayAnswerMaxMs: 5 * 60_000,
  /** After the first failure; doubles up to the most. One that held for longer than that has failed for the first time. */
  relayRetryMs: 1000,
  relayRetryMaxMs: 30_000,
  /** The most where another relay works. */
  relayRetryReachableMaxMs: 15 * 60_000,
  /** Between two times that this device connects to itself through its relay; the first comes soon. */
  relayProbeIntervalMs: 30 * 60_000,
  /** For what it sends there to come back; behind a full line that takes long. */
  relayProbeTimeoutMs: 30_000,
  renewMinMs: 60_000,
  renewMaxMs: 15 * 60_000,
  /** Strangers' connections through relays; each takes one of the streams that a relay may open here. */
  relayedStrangers: 16,

  // Getting off a relay

  /** Dialling straight, and punching. */
  offRelayTimeoutMs: 20_000,
  /** After a first failure; doubles up to the most, for as long as the relayed connection is there. */
  offRelayRetryMs: 10_000,
  offRelayRetryMaxMs: 30 * 60_000,
  /** What dialling straight has over punching. */
  punchHeadStartMs: 200,
  /** From the first frame about it to the new connection; the relayed one serves meanwhile. */
  punchTimeoutMs: 5000,
  /** Dials of one attempt, where routers refuse them; between two that are next to each other a few suffice. */
  punchDials: 24,
  /** The longest pause after one of the first half; it grows with the others. */
  punchPauseMs: 2,
  /** Of all attempts together: contacts and relays say where to. */
  punchDialsPerMinute: 120,
  /** Between two attempts with one contact, of each side's wish; theirs double it with each failure, up to the most. */
  punchIntervalMs: 4000,
  punchIntervalMaxMs: 60_000,
  punchesAtOnce: 8,

  // Surroundings

  /** How often the time and the own addresses are looked at. */
  surroundingsIntervalMs: 3000,
  /** Later than that by this much, the process or the computer was stopped. */
  asleepMs: 8000,
  /** For a connection that may be dead to show that it is not. */
  aliveTimeoutMs: 4000,
  /** A device on the local network, heard of every ten seconds. */
  lanKeepMs: 60_000,
  /** Between two times that a device counts as found: it is dialled then. */
  lanFoundIntervalMs: 5000,
  /** Finding the router and having it open a port. */
  upnpTimeoutMs: 5000,
  /** Holds up the end of the program where the router is gone. */
  upnpUnmapTimeoutMs: 1000,
  /** A router that restarted has forgotten the port. */
  upnpRenewMs: 10 * 60_000,
  upnpRetryMs: 60_000,

  // Streams

  /** Undecided or decided streams of one connection at once; beyond that they are reset unseen. */
  inboundStreamsPerConnection: 32,
  /** Streams of one protocol that one device may hold open; an honest one needs a single one. */
  inboundStreamsPerDevice: 4,
  /** What a sender may have under way: larger than this and a paused stream overflows libp2p's 4 MiB and is reset. */
  windowBytes: 1024 * 1024,
  /** Refuse to queue more than this for a peer that does not read; `send` waits long before. */
  writeBufferBytes: 8 * 1024 * 1024,

  // Frames

  frameBytes: LIMITS.frameMaxBytes,
  /** Frames that arrived and were not taken yet; beyond this, which must hold one frame, the stream is paused. */
  unreadBytes: 256 * 1024,
  /** From a frame's first byte to its last. */
  frameTimeoutMs: 5000,
  /** An opened stream that never sends a whole frame. */
  firstFrameTimeoutMs: 8000,
  /** Nothing read and nothing written. libp2p declares such a timeout and does not enforce it. */
  idleTimeoutMs: 60_000,
  /** For the other side to finish after this one closed. */
  closeTimeoutMs: 1000,

  // Mailboxes

  /** Without an answer, while at least one is owed. */
  mailboxAnswerTimeoutMs: 15_000,
} as const satisfies Record<string, number>;

export type NetworkLimits = { readonly [Name in keyof typeof NETWORK_LIMITS]: number };
