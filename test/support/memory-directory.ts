import type { ClaimedKeyPackage, NamingServer } from "../../peer/messaging/ports/naming-server.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError } from "../../shared/errors.ts";
import { verifyMailboxRecord } from "../../shared/mailbox-record.ts";
import type { NameRecord } from "../../shared/name-record.ts";
import type { RelayDescriptor } from "../../shared/relay-descriptor.ts";
import type { Username } from "../../shared/username.ts";
import { type MemoryNaming, memoryNaming } from "./memory-naming.ts";
import { addressOf } from "./memory-network.ts";

/** A naming server in memory: records, and key packages that are handed out once each. */
export interface MemoryDirectory extends NamingServer, Pick<MemoryNaming, "fail" | "hold" | "lookups" | "log"> {
  /** Lists the last record, whatever was listed before; every device has an address. */
  list(...records: readonly NameRecord[]): void;
  /** Leaves key packages of a device, the last resort aside. */
  leave(device: DeviceId, keyPackages: readonly Uint8Array[], lastResort?: Uint8Array): void;
  /** One-time packages of that device which are left. */
  left(device: DeviceId): number;
  readonly claims: number;
  /** Lists these relays from now on. */
  listRelays(...descriptors: readonly RelayDescriptor[]): void;
}

type Packages = { readonly once: Uint8Array[]; lastResort: Uint8Array | undefined };

export function memoryDirectory(now: () => number = Date.now): MemoryDirectory {
  const naming = memoryNaming();
  const packages = new Map<DeviceId, Packages>();
  const published = new Map<DeviceId, { readonly text: string; readonly seq: number }>();
  let claims = 0;
  let relays: readonly RelayDescriptor[] = [];

  const packagesOf = (device: DeviceId): Packages => {
    const known = packages.get(device) ?? { once: [], lastResort: undefined };
    packages.set(device, known);
    return known;
  };

  const claimOne = (device: DeviceId): ClaimedKeyPackage[] => {
    const { once, lastResort } = packagesOf(device);
    const keyPackage = once.shift();
    if (keyPackage !== undefined) return [{ device, keyPackage, lastResort: false }];
    return lastResort === undefined ? [] : [{ device, keyPackage: lastResort, lastResort: true }];
  };

  return {
    log: naming.log,
    lookup: (username) => naming.lookup(username),
    history: (username, after) => naming.history(username, after),
    fail: (error) => naming.fail(error),
    hold: () => naming.hold(),
    list(...records) {
      const devices = records.at(-1)?.devices ?? [];
      naming.show(records, Object.fromEntries(devices.map((device) => [device, [addressOf(device)]])));
    },
    leave(device, once, lastResort) {
      packagesOf(device).once.push(...once);
      packagesOf(device).lastResort = lastResort ?? packagesOf(device).lastResort;
    },
    listRelays(...descriptors) {
      relays = descriptors;
    },
    left: (device) => packagesOf(device).once.length,
    async claimKeyPackages(username: Username) {
      claims += 1;
      const { record } = await naming.lookup(username);
      return record.devices.flatMap(claimOne);
    },
    async online() {
      return [];
    },
    async relays() {
      return relays;
    },
    async *watchPresence() {},
    putRecord: notHere,
    publishAddresses: notHere,
    withdrawAddresses: notHere,
    uploadKeyPackages: notHere,
    async publishMailbox(text) {
      const { name, device, ...mailbox } = (await verifyMailboxRecord(text, now())).payload;
      const last = published.get(device);
      if (last?.text === text) return;
      if (mailbox.seq <= (last?.seq ?? 0)) throw new ChatError("RECORD_CONFLICT", "the sequence must rise");
      published.set(device, { text, seq: mailbox.seq });
      naming.showMailbox(name, device, mailbox);
    },
    get lookups() {
      return naming.lookups;
    },
    get claims() {
      return claims;
    },
  };
}

async function notHere(): Promise<never> {
  throw new ChatError("NOT_FOUND", "this test has no such part of a naming server");
}
