import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { NameRecord } from "../../shared/name-record.ts";
import { FakeTime } from "./fake-time.ts";
import { memoryDirectory } from "./memory-directory.ts";
import { MemoryMailboxes, MemoryRelay } from "./memory-mailboxes.ts";
import { MemoryNetwork } from "./memory-network.ts";
import { MessagingPeer, type PeerOptions, type Surroundings } from "./messaging-peer.ts";
import { type Person, personOf, recordOf } from "./people.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** Turns of the event loop without any activity after which nothing happens any more. */
const QUIET_TURNS = 6;
const MAX_TURNS = 200_000;

type StartOptions = Partial<Omit<PeerOptions, "person">> & {
  readonly keyPackages?: number;
  readonly lastResort?: boolean;
};

/** People in one process, with a directory, a network and a clock of their own. Nothing in it sleeps. */
export class MessagingWorld implements Surroundings {
  readonly time = new FakeTime();
  readonly network = new MemoryNetwork();
  readonly directory = memoryDirectory(() => this.time.nowMs);
  readonly pending = { count: 0 };
  readonly mailboxes = new MemoryMailboxes();
  readonly #path = temporaryDirectory();
  readonly #running = new Set<MessagingPeer>();

  constructor() {
    onTestFinished(() => {
      for (const peer of this.#running) peer.kill();
    });
  }

  databaseOf(person: Person): string {
    return join(this.#path, `${person.username}.db`);
  }

  /** Starts somebody's program for the first time: listed, with key packages. */
  async start(who: string | Person, { keyPackages = 4, lastResort = false, ...options }: StartOptions = {}) {
    const person = typeof who === "string" ? personOf(who) : who;
    await this.list(person);
    const peer = this.run(person, options);
    await peer.leaveKeyPackages(keyPackages, { lastResort });
    return peer;
  }

  /** A relay that keeps mailboxes. */
  relay(name: string): MemoryRelay {
    const touch = () => {
      this.network.activity += 1;
    };
    return this.mailboxes.add(new MemoryRelay(personOf(name).device, touch));
  }

  async list(person: Person, ...earlier: readonly NameRecord[]): Promise<NameRecord> {
    const previous = earlier.at(-1);
    const record = await recordOf(person, previous === undefined ? {} : { previous });
    this.directory.list(...earlier, record);
    return record;
  }

  run(person: Person, options: Partial<Omit<PeerOptions, "person">> = {}): MessagingPeer {
    const peer = new MessagingPeer(this, { person, databasePath: this.databaseOf(person), ...options });
    this.#running.add(peer);
    return peer;
  }

  /** The same person's program, started again on the same disk. */
  restart(peer: MessagingPeer, options: Partial<Omit<PeerOptions, "person">> = {}): MessagingPeer {
    this.kill(peer);
    return this.run(peer.person, options);
  }

  kill(peer: MessagingPeer): void {
    if (this.#running.delete(peer)) peer.kill();
  }

  /** Two people who have written to each other. */
  async acquainted(): Promise<{ alice: MessagingPeer; bob: MessagingPeer }> {
    const [alice, bob] = [await this.start("alice"), await this.start("bob")];
    await alice.send(bob, "hello bob");
    await this.settle();
    await bob.send(alice, "hello alice");
    await this.settle();
    return { alice, bob };
  }

  /** Resolves once nothing happens any more without time passing. */
  async settle(): Promise<void> {
    let seen = -1;
    let quiet = 0;
    for (let turns = 0; quiet < QUIET_TURNS; ) {
      // What a thread of its own computes takes as many turns as it likes.
      if (this.pending.count === 0) turns += 1;
      if (turns > MAX_TURNS) throw new Error("this world does not come to rest");
      await new Promise<void>((resolve) => void setImmediate(resolve));
      const isQuiet = this.pending.count === 0 && this.network.activity === seen;
      quiet = isQuiet ? quiet + 1 : 0;
      seen = this.network.activity;
    }
  }

  /** Moves the wall clock ahead alone: for what expires. */
  skip(ms: number): void {
    this.time.setClock(this.time.nowMs + ms);
  }

  /** Lets that much time pass, timer by timer. */
  async pass(ms: number): Promise<void> {
    await this.settle();
    for (let left = ms; ; ) {
      const { passedMs, ran } = this.time.step(left);
      left -= passedMs;
      await this.settle();
      if (!ran) return;
    }
  }
}
