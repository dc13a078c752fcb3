import type { ErrorCode } from "../../../shared/errors.ts";
import type { Path } from "../path.ts";
import type { LogView } from "./keys.ts";

export type Identity = {
  readonly username: string;
  readonly peerId: string;
  readonly fingerprint: string;
  readonly server: string;
  readonly profile: string;
};

export type Status = Identity & {
  readonly daemon: { readonly pid: number; readonly startedAt: string } | null;
  readonly addresses: readonly string[];
  /** Answer of the naming server just now, or why there is none. */
  readonly serverState: "ok" | ErrorCode;
  readonly published: boolean;
  /** On no list of who is online. */
  readonly hidden: boolean;
  readonly keyPackages: number | null;
  readonly log: LogView;
  readonly outbox: { readonly queued: number; readonly relayed: number; readonly failed: number };
  readonly contacts: number;
  readonly connections: number;
  /** The connections to people, by the way they run. */
  readonly paths: Readonly<Record<Exclude<Path, "mailbox">, number>>;
  /** Relays through which others reach this device, or would. */
  readonly relays: readonly {
    readonly relay: string;
    readonly state: "connecting" | "reserved" | "waiting";
    readonly since: string;
    readonly error?: ErrorCode;
  }[];
  /** Where others leave messages while this device is away. */
  readonly mailboxes: readonly { readonly relay: string; readonly open: boolean }[];
};

export type Trouble = { readonly code: ErrorCode; readonly message: string };

/** What the naming server makes of this device; `trouble` and `token` are null where all is well. */
export type Diagnosis = {
  readonly token: Trouble | null;
  /** What it holds for whoever writes first; null where it could not be asked. */
  readonly keyPackages: { readonly count: number; readonly lastResort: boolean } | null;
  readonly record: {
    readonly trouble: Trouble | null;
    readonly seq: number | null;
    /** Of that record in the log. */
    readonly position: number | null;
  };
  /** Addresses that it shows of this device. */
  readonly published: readonly string[];
};

export type VisibilityView = {
  /** While this profile listens, its addresses are published. */
  readonly visible: boolean;
  /** The naming server may list them now. */
  readonly published: boolean;
};

export type OnlinePersonView = {
  readonly username: string;
  readonly devices: readonly string[];
  readonly contact: boolean;
};
