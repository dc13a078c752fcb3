import type { Readable, Writable } from "node:stream";
import type { ChatError } from "../../shared/errors.ts";
import type { RelayRole } from "../../shared/relay-descriptor.ts";
import type { Feed, PresenceFeed } from "../messaging/operations/feed.ts";
import type { SendParams, SendResult } from "../messaging/operations/messages.ts";
import type { Identity, Trouble } from "../messaging/operations/status.ts";
import type { Access } from "../messaging/operations/tokens.ts";
import type { Operations } from "../messaging/operations.ts";
import type { Settings } from "./config.ts";
import type { Interruption } from "./interruption.ts";
import type { Output } from "./output.ts";
import type { RunningSandbox, SandboxOptions } from "./sandbox/running-sandbox.ts";

/** A profile at work in this process. */
export type Messenger = {
  readonly operations: Operations;
  readonly feed: Feed;
  readonly presence: PresenceFeed;
  /** For whoever has no more than a token. */
  readonly access: Access;
  readonly ready: { readonly username: string; readonly peerId: string; readonly addresses: readonly string[] };
  /** For a daemon that was opened `offline`: from now on it can be reached. */
  goOnline(): Promise<void>;
  stop(): Promise<void>;
};

/** The caller holds the profile's lock from before the call until after `stop`. */
export type OpenOptions = {
  readonly settings: Settings;
  readonly directory: ProfileDirectory;
  /** `daemon`: stays and can be reached. `oneshot`: does one thing, and takes in what arrives meanwhile. */
  readonly mode: "daemon" | "oneshot";
  /** False where the command only reads and writes what is stored here. */
  readonly network: boolean;
  /** Tells of contacts who come and go, in the feed. */
  readonly presence: boolean;
  /** TCP port to listen on; any free one by default. */
  readonly port?: number;
  /** IP addresses to listen on; all by default. */
  readonly hosts?: readonly string[];
  /** Multiaddrs under which others reach this device, if not those that it listens on. */
  readonly announce?: readonly string[];
  /** A daemon that does not go online by itself: it opens in no time. */
  readonly offline?: boolean;
  /** Log on stderr. */
  readonly verbose: boolean;
  /** No log at all: the terminal shows something else. */
  readonly silent?: boolean;
  readonly signal: AbortSignal;
};

export type RegisterOptions = {
  readonly settings: Settings;
  readonly username: string;
  /** False: the keystore lies open, guarded by its mode alone. */
  readonly sealed: boolean;
  /** On no list of who is online. */
  readonly hidden: boolean;
  /** From whoever runs a naming server that asks for one. */
  readonly invite?: string;
  /** Asked for another name or code where the server takes none of these; with the keys that were made already. */
  readonly amend?: (refusal: ChatError) => Promise<{ readonly username?: string; readonly invite?: string }>;
  readonly verbose: boolean;
  readonly signal: AbortSignal;
};

export type RelayOptions = {
  readonly settings: Settings;
  readonly directory: string;
  readonly listen: { readonly hosts?: readonly string[]; readonly port: number };
  /** Multiaddrs; none: those it listens on. */
  readonly announce: readonly string[];
  /** Of `RELAY_ROLES`; none: all of them. */
  readonly roles: readonly string[];
  readonly operator: string;
  /** In place of what it ships with, by name. */
  readonly limits: Readonly<Record<string, number>>;
  readonly metricsPort?: number;
  readonly verbose: boolean;
};

export type RunningRelay = {
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly roles: readonly RelayRole[];
  readonly metricsUrl: string | undefined;
  /** Resolves when it cannot go on. */
  readonly failed: Promise<ChatError>;
  stop(): Promise<void>;
};

/** What needs the network, MLS or the keystore; loaded when a command cannot do without. */
export type Programs = {
  openMessenger(options: OpenOptions): Promise<Messenger>;
  registerProfile(options: RegisterOptions): Promise<Identity>;
  /**
   * Stores a message while another process holds the profile, so that its holder or the next command sends it.
   *
   * @throws ChatError PROFILE_BUSY where that cannot be done either
   */
  queueMessage(
    options: Pick<OpenOptions, "settings" | "directory" | "signal">,
    params: SendParams,
  ): Promise<SendResult>;
  /**
   * Seals the keystore with another passphrase; the caller holds the profile's lock. `newFile`: where the new one stands,
   * unless it is typed.
   */
  changePassphrase(
    options: Pick<OpenOptions, "settings" | "directory" | "signal"> & { readonly newFile: string | undefined },
  ): Promise<void>;
  /** Whether a passphrase guards the keys. */
  isSealed(directory: ProfileDirectory): Promise<boolean>;
  /** @throws ChatError PASSPHRASE_WRONG */
  checkPassphrase(directory: ProfileDirectory, passphrase: string): Promise<void>;
};

export type ProfileDirectory = {
  /** Absolute and free of symbolic links. */
  readonly path: string;
  file(name: string): string;
};

export type ProfileLock = { release(): void };
export type LockHolder = { readonly heldBy: number | undefined };

/** What can be seen of a profile without opening it. */
export type ProfileInsight = {
  readonly path: string;
  /** Null where none is registered. */
  readonly profile: { readonly username: string; readonly server: string } | Trouble | null;
  /** Whether a passphrase seals the keys; null where there are none. */
  readonly sealed: boolean | Trouble | null;
  /** Names of files that others may read or write; `.` is the directory itself. */
  readonly exposed: readonly string[];
  /** Room on the disk. */
  readonly freeBytes: number;
  /** Null where there is none yet. */
  readonly database: {
    readonly bytes: number;
    readonly schema: number;
    readonly newestSchema: number;
    /** What is wrong with the file, as SQLite says it. */
    readonly damage: readonly string[];
  } | null;
};

/** What a naming server says to anybody. */
export type ServerInsight = {
  readonly url: string;
  readonly publicUrl: string;
  readonly apiVersion: string;
  readonly latencyMs: number;
  /** Its clock minus this computer's, to about a second; null where it does not say. */
  readonly clockOffsetMs: number | null;
};

/** How far an address reaches; `relay`: through somebody else's. */
export type AddressKind = "relay" | "global" | "private" | "loopback" | "link-local" | "special";

/** Looks at what can be seen without keys, and changes nothing. */
export type Doctor = {
  inspectProfile(place: { readonly home: string; readonly profile: string }): Promise<ProfileInsight>;
  /** @throws ChatError CONFIG_INVALID, HTTP_REFUSED, SERVER_UNREACHABLE, SERVER_ERROR and the like */
  probeServer(options: {
    readonly settings: Settings;
    readonly url: string;
    readonly signal: AbortSignal;
  }): Promise<ServerInsight>;
  /** @param address  a multiaddr */
  kindOf(address: string): AddressKind;
  /** Of this computer's own addresses. */
  ownKinds(): readonly AddressKind[];
};

export type Dependencies = {
  openDirectory(place: { home: string; profile: string; create: boolean }): ProfileDirectory;
  tryLock(directory: ProfileDirectory): Promise<ProfileLock | LockHolder>;
  loadPrograms(): Promise<Programs>;
  loadDoctor(): Promise<{ readonly doctor: Doctor }>;
  loadRelay(): Promise<{ startRelay(options: RelayOptions): Promise<RunningRelay> }>;
  loadSandbox(): Promise<{ sandbox(options: SandboxOptions): Promise<RunningSandbox> }>;
};

export type Terminal = {
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
};

/** What every command is given. */
export type CliContext = {
  readonly settings: Settings;
  readonly verbose: boolean;
  readonly output: Output;
  readonly terminal: Terminal;
  readonly dependencies: Dependencies;
  readonly interruption: Interruption;
};
