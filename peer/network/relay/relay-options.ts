import type { StreamHandler } from "@libp2p/interface";
import type { Channel } from "../../messaging/ports/transport.ts";
import type { Runtime } from "../../messaging/runtime.ts";
import type { NetworkLimits } from "../limits.ts";
import type { Listen } from "../transport/listen-addresses.ts";
import type { RelayingRules } from "./nat-relay.ts";

/** Whom a relay serves, and how much. */
export interface RelayRules extends RelayingRules {
  mayConnect(network: string): boolean;
  /** Takes note of a connection; the answer takes note of its end. */
  connected(network: string): () => void;
  /** Takes a place for a mailbox stream and gives back how to leave it; undefined where there is none. */
  mailboxPlace(network: string): (() => void) | undefined;
  hasReservation(user: string): boolean;
}

export type RelayNodeOptions = {
  /** 32 secret bytes: the relay's key. */
  readonly seed: Uint8Array;
  readonly listen: Listen;
  /** Multiaddrs that others are told; empty: those it listens on. */
  readonly announce: readonly string[];
  /** Tell of loopback too. */
  readonly allowLocal: boolean;
  readonly rules: RelayRules;
  /** Left out: no NAT relay. */
  readonly nat?: {
    readonly maxReservations: number;
    readonly relayedMs: number;
    /** One hour by default. Renewed by those who hold one well before. */
    readonly reservationMs?: number;
  };
  /** Left out: no mailbox. Serves one stream to its end. */
  readonly onMailbox?: (channel: Channel, network: string) => Promise<void>;
  /** What else it answers, by protocol id. */
  readonly handlers?: Readonly<Record<string, StreamHandler>>;
  readonly runtime: Pick<Runtime, "after" | "monotonic">;
  readonly limits?: Partial<NetworkLimits>;
};
