/**
 * Ids, versions, signature domains and limits that both programs and every peer agree on: no literal of these stands
 * anywhere else. Limits of one program only live with it (`naming-server/limits.ts`, `peer/network/limits.ts`).
 * The law in words: docs/PROTOCOL.md.
 */

export const PROTOCOL_VERSION = 1;

/** libp2p protocol ids; an incompatible change is a new id beside the old one. */
export const STREAM_PROTOCOLS = {
  message: "/p2pchat/message/1",
  checkpoint: "/p2pchat/checkpoint/1",
  typing: "/p2pchat/typing/1",
} as const;

/** Spoken with a relay, and by no two peers: a peer's node registers none of these. */
export const RELAY_PROTOCOLS = {
  mailbox: "/p2pchat/mailbox/1",
} as const;

/** How two devices get off a relay, and what a device asks its relay for that. */
export const PUNCH_PROTOCOLS = {
  punch: "/p2pchat/punch/1",
  observed: "/p2pchat/observed/1",
} as const;

/** JOSE `typ` of everything signed as a JWS: one kind is never accepted for another. */
export const JWS_TYPES = {
  nameRecord: "p2pchat-name+jws",
  addressRecord: "p2pchat-addr+jws",
  relayDescriptor: "p2pchat-relay+jws",
  mailboxRecord: "p2pchat-mailbox+jws",
  assertion: "p2pchat-assertion+jwt",
  accessToken: "at+jwt",
} as const;

/** The one signature algorithm, by its fully specified name (RFC 9864); the polymorphic `EdDSA` is refused. */
export const JWS_ALGORITHM = "Ed25519";

/**
 * Domains of everything signed or hashed outside JOSE. Each is followed by one zero byte before the content, so none is
 * a prefix of another's input.
 */
export const SIGNATURE_DOMAINS = {
  envelope: "p2pchat/envelope/1",
  deviceProof: "p2pchat/device-proof/1",
  rotationProof: "p2pchat/rotation-proof/1",
  sessionReset: "p2pchat/session-reset/1",
  parcel: "p2pchat/parcel/1",
  mailboxOpen: "p2pchat/mailbox-open/1",
  mailboxReceipt: "p2pchat/mailbox-receipt/1",
} as const;

/**
 * The signature type of a signed note (c2sp.org/signed-note), bound into the id of its key. A note is text and has a
 * newline, which neither a domain's zero byte nor a JWS allows: none is taken for another.
 */
export const NOTE_SIGNATURE_ED25519 = 0x01;

export const HASH_DOMAINS = {
  envelope: "p2pchat/envelope-id/1",
  link: "p2pchat/link/1",
  directConversation: "p2pchat/direct-conversation/1",
  safetyNumber: "p2pchat/safety-number/1",
  recoveryKey: "p2pchat/recovery-key/1",
} as const;

/** Times are milliseconds unless the name says seconds; sizes are bytes. */
export const LIMITS = {
  usernameMinLength: 3,
  usernameMaxLength: 32,
  nameRecordMaxBytes: 4096,
  recordMaxDevices: 8,
  addressRecordMaxBytes: 4096,
  addressRecordMaxAddresses: 8,
  addressRecordMaxLifetimeSeconds: 3600,
  relayDescriptorMaxBytes: 4096,
  relayDescriptorMaxAddresses: 8,
  relayDescriptorMaxLifetimeSeconds: 3600,
  relayOperatorMaxLength: 64,
  /** In the list of one naming server. */
  relaysMax: 256,
  mailboxRecordMaxBytes: 4096,
  mailboxRecordMaxBoxes: 2,
  mailboxRecordMaxLifetimeSeconds: 35 * 24 * 3600,
  assertionMaxLifetimeSeconds: 90,
  accessTokenLifetimeSeconds: 600,
  clockSkewSeconds: 30,
  keyPackagesPerDevice: 50,
  keyPackageMaxBytes: 8 * 1024,
  /** Of a checkpoint with all its signatures. */
  noteMaxBytes: 4096,
  /** A log signs a new checkpoint before the last one is this old; clients call an older one stale a day later. */
  checkpointMaxAgeSeconds: 3600,
  checkpointStaleSeconds: 24 * 3600,
  /** Leaves in one answer; an answer that is full never changes. */
  logPageEntries: 1024,
  /** A client keeps every leaf: more than this, 1 GiB, it takes for a lie. */
  logMaxEntries: 2 ** 24,
  /** In one frame of gossip. */
  gossipMaxNotes: 8,
  textMaxBytes: 15 * 1024,
  /** Ten years: a text that is to be kept for a time is forgotten by then, whatever its author says. */
  textLifetimeMaxSeconds: 10 * 366 * 24 * 3600,
  messageIdBytes: 16,
  reactionMaxBytes: 32,
  readMarksPerMessage: 256,
  frameMaxBytes: 64 * 1024,
  punchFrameMaxBytes: 256,
  sendWindowMessages: 64,
  sendWindowBytes: 1024 * 1024,
  helloMaxMarks: 16,
  /** People who were never answered and have anything stored. */
  strangersMax: 50,
  /** Names that are looked up because devices nobody knows hint at them; as many at once after a quiet minute. */
  strangerLookupsPerMinute: 30,
  /** In a row; the lane ends after that. */
  laneMaxRefusedSessions: 8,
  strangerMaxMessages: 20,
  /** Sessions that a device of theirs ever opened; each closed one is remembered for good. */
  strangerMaxSessions: 64,
  strangerMaxBytes: 64 * 1024,
  /** Of a multiaddr, in characters. */
  addressMaxLength: 256,
  /** An X-Wing public key (draft-connolly-cfrg-xwing-kem). */
  sealKeyBytes: 1216,
  /** Of one box in one grant: as many parcels as a contact may leave before the next grant. */
  grantMaxTokens: 512,
  parcelMaxFrames: 256,
} as const;

/** Sizes that an envelope is padded to before encryption; the last holds the largest envelope. */
export const PADDING_BUCKETS = [256, 1024, 4096, 16_384] as const;

/** The only sizes of what lies in a mailbox; the largest leaves room for the rest of its frame. */
export const PARCEL_BUCKETS = [2048, 8192, 32_768, 61_440] as const;

/** What a mailbox and those who use it agree on; how much one holds, it says in its welcome. */
export const MAILBOX_LIMITS = {
  /** Since its owner last opened it; then the box and all in it are gone. */
  boxLifetimeSeconds: 36 * 24 * 3600,
  /** Of parcels in the answers to one `fetch`. */
  fetchMaxBytes: 512 * 1024,
  receiptMaxPlaces: 256,
} as const;

/** Request header with the code that a naming server by invitation asks for. */
export const INVITE_HEADER = "p2pchat-invite";

/** Media type of a bare JWS (RFC 7515 9.2.1). */
export const JOSE_MEDIA_TYPE = "application/jose";
