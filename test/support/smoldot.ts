import { type Client, start } from "smoldot";
import { onTestFinished } from "vitest";

/*
 * A libp2p that is not ours: smoldot, the light client of Substrate chains, has its own Noise, Yamux and multistream in
 * Rust. It dials the first nodes of a chain; the chain here is made up, and nobody serves it.
 */

export type Smoldot = {
  /** Lines of its log about connections and networks. */
  readonly log: readonly string[];
  readonly client: Client;
};

export async function startSmoldot(bootNode: string): Promise<Smoldot> {
  const log: string[] = [];
  const client = start({ maxLogLevel: 4, logCallback: (_, target, message) => void log.push(`${target}: ${message}`) });
  onTestFinished(() => client.terminate());
  await client.addChain({ chainSpec: JSON.stringify(chainOf(bootNode)) });
  return { log, client };
}

function chainOf(bootNode: string): object {
  return {
    name: "none",
    id: "none",
    chainType: "Live",
    bootNodes: [bootNode],
    telemetryEndpoints: null,
    protocolId: "none",
    properties: null,
    genesis: { stateRootHash: hexOf(HASH) },
    lightSyncState: {
      babeEpochChanges: hexOf(epochChanges()),
      babeFinalizedBlockWeight: 0,
      finalizedBlockHeader: hexOf(header()),
      grandpaAuthoritySet: hexOf(authoritySet()),
    },
  };
}

// SCALE, as far as it is needed here: little endian, and compact numbers below 64.

const HASH = Buffer.alloc(32, 7);
/** RFC 8032 7.1, test 1. */
const ED25519_KEY = Buffer.from("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "hex");
const NONE = Buffer.of(0);

const hexOf = (bytes: Buffer) => `0x${bytes.toString("hex")}`;
const join = (...parts: readonly Buffer[]) => Buffer.concat(parts);

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function compact(value: number): Buffer {
  if (value < 64) return Buffer.of(value << 2);
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE((value << 2) | 1);
  return bytes;
}

/** Block 10, with what consensus writes into it: a slot, and a seal. */
function header(): Buffer {
  const babe = Buffer.from("BABE");
  const slot = join(Buffer.of(2), u32(0), u64(1000));
  const digest = [Buffer.of(6), babe, compact(slot.length), slot, Buffer.of(5), babe, compact(64), Buffer.alloc(64)];
  return join(HASH, compact(10), HASH, HASH, compact(2), ...digest);
}

function epochChanges(): Buffer {
  const authority = join(HASH, u64(1));
  const configuration = join(u64(1), u64(4), Buffer.of(1));
  const epoch = (index: number) =>
    join(u64(index), u64(600 * index), u64(600), compact(1), authority, HASH, configuration);
  const entry = (index: number) => join(Buffer.alloc(32, index), u32(index), Buffer.of(1), epoch(index));
  return join(NONE, NONE, compact(2), entry(1), entry(2));
}

function authoritySet(): Buffer {
  return join(compact(1), ED25519_KEY, u64(1), u64(0), NONE, NONE, NONE, NONE);
}
