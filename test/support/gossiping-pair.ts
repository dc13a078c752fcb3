import { Gossip } from "../../peer/messaging/keys/gossip.ts";
import type { Contact } from "../../peer/messaging/ports/contacts.ts";
import type { KeyLog } from "../../peer/messaging/ports/key-log.ts";
import type { Channel } from "../../peer/messaging/ports/transport.ts";
import { createKeyLog } from "../../peer/naming/log/key-log.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError } from "../../shared/errors.ts";
import { FakeTime } from "./fake-time.ts";
import { openedStore } from "./opened-store.ts";
import { AUDIENCE, NOW_MS, type Person, personOf } from "./people.ts";
import type { SignedLog } from "./signed-log.ts";

/** Two contacts; the one with the smaller id asks. */
export const [small, large] = [personOf("alice"), personOf("bob")].sort((a, b) => (a.device < b.device ? -1 : 1)) as [
  Person,
  Person,
];

type Side = { gossip: Gossip; log: KeyLog; source: SignedLog; failures: unknown[]; forks: number; asked: number };

/** Two contacts, and the log that the server shows each. */
export class GossipingPair {
  readonly time = new FakeTime();
  readonly small: Side;
  readonly large: Side;
  /** What is under way between them. */
  readonly served: Promise<void>[] = [];
  /** Whether each has blocked the other. */
  blocked = false;

  constructor(shownToSmall: SignedLog, shownToLarge: SignedLog) {
    this.small = this.#side(small, large, shownToSmall, () => this.large);
    this.large = this.#side(large, small, shownToLarge, () => this.small);
  }

  #side(self: Person, other: Person, source: SignedLog, peer: () => Side): Side {
    const store = openedStore();
    const forks: unknown[] = [];
    const log = createKeyLog({
      source,
      store,
      audience: () => AUDIENCE,
      now: () => NOW_MS,
      onFork: (evidence) => void forks.push(evidence),
    });
    const failures: unknown[] = [];
    const counts = { asked: 0 };
    const gossip = new Gossip({
      self,
      contacts: { findByDevice: (device) => this.#contactOf(device, other) },
      log,
      runtime: this.time.runtime(self.device),
      transport: async () => ({
        openGossip: async () => {
          counts.asked += 1;
          const [near, far] = pipe(self.device, other.device);
          this.served.push(peer().gossip.serve(far));
          return near;
        },
      }),
      failed: (error) => void failures.push(error),
    });
    return {
      gossip,
      log,
      source,
      failures,
      get forks() {
        return forks.length;
      },
      get asked() {
        return counts.asked;
      },
    };
  }

  #contactOf(device: DeviceId, { device: known, username }: Person): Contact | undefined {
    return device === known ? ({ username, blocked: this.blocked } as Contact) : undefined;
  }

  async synced(): Promise<this> {
    await this.small.log.sync();
    await this.large.log.sync();
    return this;
  }
}

/** Two ends of a channel: as over the network, whoever stops reading closes it. */
export function pipe(a: DeviceId, b: DeviceId): [Channel, Channel] {
  const ends = [a, b].map(() => ({ frames: [] as Uint8Array[], closed: false, wake: () => {} }));
  const channel = (own: number, remote: DeviceId): Channel => {
    const [mine, theirs] = [ends[own], ends[1 - own]];
    if (mine === undefined || theirs === undefined) throw new Error("two ends");
    const end = () => {
      mine.closed = true;
      theirs.closed = true;
      mine.wake();
      theirs.wake();
    };
    return {
      remote,
      path: "direct",
      async send(frames) {
        if (mine.closed) throw new ChatError("PEER_UNREACHABLE", "the channel is closed");
        theirs.frames.push(...frames);
        theirs.wake();
      },
      async *receive() {
        try {
          for (;;) {
            if (mine.frames.length > 0) yield mine.frames.splice(0);
            else if (mine.closed) return;
            else await new Promise<void>((resolve) => (mine.wake = resolve));
          }
        } finally {
          end();
        }
      },
      close: async () => end(),
      abort: () => end(),
    };
  };
  return [channel(0, b), channel(1, a)];
}
