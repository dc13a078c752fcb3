import { encodeBase64url } from "../../../shared/base64url.ts";
import type { DeviceId } from "../../../shared/device-id.ts";
import { isChatError } from "../../../shared/errors.ts";
import { signMailboxRecord } from "../../../shared/mailbox-record.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { findRelayOf } from "../../../shared/relay-address.ts";
import { retryAfterMs } from "../back-off.ts";
import { isOwnFault } from "../own-fault.ts";
import type { ParcelSeals } from "../ports/mailboxes.ts";
import type { NamingServer } from "../ports/naming-server.ts";
import { RisingSequence } from "../publishing/rising-sequence.ts";
import type { Self } from "../self.ts";
import { Signal } from "../signal.ts";
import type { MailboxSecret } from "../store/mailbox.ts";
import type { Store } from "../store.ts";
import { BoxReader, type BoxReaderDeps } from "./box-reader.ts";
import type { DueAnswers } from "./due-answers.ts";
import type { Grants } from "./grants.ts";
import { mailboxSecrets, noteRelays, ownBox, sealSeed, secretsTold, secretsUsable, toldRelays } from "./own-boxes.ts";
import type { ParcelInbox } from "./parcel-inbox.ts";
import type { ParcelSender } from "./parcel-sender.ts";

const RECORD_LIFETIME_SECONDS = 35 * 24 * 3600;
const PUBLISH_EVERY_MS = 12 * 60 * 60_000;
const RETRY_AFTER_MS = 30_000;
/** How often is looked whether the week has changed, or another relay is needed. */
const LOOK_EVERY_MS = 30_000;
/** A relay that is away for less stays published: people try the other one, and every change costs each contact a grant. */
const PATIENCE_MS = 10 * 60_000;
/** Devices that are answered at a time, each over a connection of its own. */
const MAX_ANSWERING = 8;

export type MailboxKeeperDeps = Pick<BoxReaderDeps, "mailboxes" | "runtime" | "failed"> & {
  readonly self: Self;
  readonly store: Store;
  readonly seals: ParcelSeals;
  readonly naming: Pick<NamingServer, "publishMailbox">;
  /** The server's idea of the time, milliseconds since the Unix epoch. */
  readonly serverNow: () => number;
  readonly grants: Grants;
  readonly inbox: ParcelInbox;
  readonly due: DueAnswers;
  readonly sender: Pick<ParcelSender, "answer">;
};

export type MailboxStatus = { readonly relay: string; readonly open: boolean };

type Kept = { readonly reader: BoxReader; isOpen: boolean; changedAtMs: number; wasOpen: boolean };

/**
 * This device's own mailboxes: keeps boxes open at two relays, the first of those it may use that work, reads them, and
 * tells people where they are.
 */
export class MailboxKeeper {
  readonly #deps: MailboxKeeperDeps;
  readonly #kept = new Map<string, Kept>();
  readonly #wake = new Signal();
  readonly #stopping = new AbortController();
  readonly #ending = new Set<Promise<void>>();
  readonly #answering = new Map<DeviceId, Promise<void>>();
  readonly #sequence = new RisingSequence();
  #candidates: readonly string[] = [];
  #publishing: Promise<void> | undefined;
  readonly #firstPublishing = Promise.withResolvers<void>();
  #isUnwanted = false;
  #published = "";
  #hasRead = false;
  #publishedAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: MailboxKeeperDeps) {
    this.#deps = deps;
  }

  /** The relays, by multiaddr, that may keep this device's boxes from now on, the preferred first. */
  use(candidates: readonly string[]): void {
    if (this.#stopping.signal.aborted) return;
    this.#candidates = candidates;
    this.#fill();
    if (candidates.length > 0) this.#publishing ??= this.#keepOn();
    this.#wake.raise();
  }

  /** No relay is wanted: whoever knows of boxes of before is told that they are read no more. */
  withdraw(): void {
    this.#isUnwanted = true;
    this.use([]);
    this.#publishing ??= this.#keepOn();
  }

  /**
   * Resolves once every relay was read or has failed, whoever is to be answered is, and people can know where to answer.
   */
  async firstRead(): Promise<void> {
    const read = await Promise.all([...this.#kept.values()].map(({ reader }) => reader.firstRead));
    if (read.includes(true)) await this.#firstPublishing.promise;
    while (this.#answering.size > 0) await Promise.all(this.#answering.values());
  }

  /** Whatever others have answered by now is known here, as far as one relay knows. */
  get hasRead(): boolean {
    return this.#hasRead;
  }

  status(): readonly MailboxStatus[] {
    const current = [...this.#kept].filter(([relay]) => this.#candidates.includes(relay));
    return current.map(([relay, { isOpen }]) => ({ relay, open: isOpen }));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.raise();
    const readers = [...this.#kept.values()].map(({ reader }) => reader.stop());
    await Promise.all([this.#publishing, ...readers, ...this.#ending, ...this.#answering.values()]);
  }

  async #keepOn(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#fill();
      const delayMs = await this.#publish();
      const cancel = this.#deps.runtime.after(delayMs, () => this.#wake.raise());
      await this.#wake.wait();
      cancel();
    }
  }

  /**
   * What lies at a relay that does not answer is read once it does; meanwhile the next one takes its place. So is what lies
   * where people were told of boxes, whichever relays come first. One that is new to the list takes nobody's place: else whoever makes up relays has every device move to them.
   */
  #fill(): void {
    const told = this.#isUnwanted ? [] : toldRelays(this.#secrets(), this.#candidates);
    this.#dropOthers([...this.#candidates, ...told]);
    const isHopeful = (address: string) => {
      const kept = this.#kept.get(address);
      return kept === undefined || kept.isOpen || this.#deps.runtime.monotonic() - kept.changedAtMs < LOOK_EVERY_MS;
    };
    const hopeful = this.#candidates.filter(isHopeful);
    const fresh = hopeful.filter((address) => !this.#kept.has(address));
    const missing = LIMITS.mailboxRecordMaxBoxes - (hopeful.length - fresh.length);
    for (const address of fresh.slice(0, Math.max(0, missing))) this.#read(address);
    for (const address of told) if (!this.#kept.has(address)) this.#read(address);
  }

  /** What people have left at one that is open is still read. */
  #dropOthers(wanted: readonly string[]): void {
    for (const [address, { reader, isOpen }] of this.#kept) {
      if (wanted.includes(address) || isOpen) continue;
      this.#kept.delete(address);
      const ending = reader.stop().finally(() => this.#ending.delete(ending));
      this.#ending.add(ending);
    }
  }

  #read(address: string): void {
    const id = findRelayOf(address);
    if (id === undefined) return;
    const { mailboxes, runtime, failed, inbox } = this.#deps;
    const deps: BoxReaderDeps = {
      ...{ mailboxes, runtime, failed },
      secrets: () => this.#secrets(),
      openable: () => this.#openable(address, id),
      take: (parcel, options) => inbox.take(parcel, options),
      drained: () => this.#drained(address),
      changed: (isOpen) => this.#changed(kept, isOpen),
    };
    const reader = new BoxReader(deps, { address, id });
    const kept: Kept = { reader, isOpen: false, changedAtMs: runtime.monotonic(), wasOpen: false };
    this.#kept.set(address, kept);
  }

  #changed(kept: Kept, isOpen: boolean): void {
    kept.isOpen = isOpen;
    kept.wasOpen ||= isOpen;
    kept.changedAtMs = this.#deps.runtime.monotonic();
    this.#wake.raise();
  }

  /** What lay too early at another relay may be readable now. */
  #drained(address: string): void {
    this.#hasRead = true;
    for (const [other, { reader }] of this.#kept) if (other !== address) reader.look();
    this.#answer();
  }

  /** Beside the reading: whoever is answered chose the relay, which may be slow. */
  #answer(): void {
    while (this.#answering.size < MAX_ANSWERING && !this.#stopping.signal.aborted) {
      const device = this.#deps.due.next(this.#answering);
      if (device === undefined) return;
      const answering = this.#leaveAnswers(device).finally(() => {
        this.#answering.delete(device);
        this.#answer();
      });
      this.#answering.set(device, answering);
    }
  }

  async #leaveAnswers(device: DeviceId): Promise<void> {
    const { due, sender, failed } = this.#deps;
    try {
      await sender.answer(device, due);
    } catch (error) {
      due.failed(device);
      if (isOwnFault(error) && !this.#stopping.signal.aborted) failed(error);
    }
  }

  #secrets(): readonly [MailboxSecret, ...MailboxSecret[]] {
    return mailboxSecrets(this.#deps.store, this.#deps.runtime);
  }

  /** Relays give a network few new boxes: none is made where nobody was told of it, nor will be. */
  #openable(address: string, id: DeviceId): readonly MailboxSecret[] {
    const secrets = this.#secrets();
    return this.#candidates.includes(address) ? secretsUsable(secrets, id) : secretsTold(secrets, id);
  }

  /** The first that work, or worked until lately; one of them works, if any does. */
  #inUse(): readonly string[] {
    const nowMs = this.#deps.runtime.monotonic();
    const isOpen = (relay: string) => this.#kept.get(relay)?.isOpen === true;
    const usable = this.#candidates.filter((relay) => {
      const kept = this.#kept.get(relay);
      return isOpen(relay) || (kept?.wasOpen === true && nowMs - kept.changedAtMs < PATIENCE_MS);
    });
    const first = usable.slice(0, LIMITS.mailboxRecordMaxBoxes);
    if (first.some(isOpen)) return first;
    return [...usable.filter(isOpen), ...first].slice(0, LIMITS.mailboxRecordMaxBoxes);
  }

  /** @returns how long until the next look */
  async #publish(): Promise<number> {
    const { grants, runtime, failed } = this.#deps;
    const [secret] = this.#secrets();
    const relays = this.#inUse();
    const label = [secret.week, ...relays].join(" ");
    const isOld = runtime.monotonic() - this.#publishedAtMs >= PUBLISH_EVERY_MS;
    const isNothing = relays.length === 0 && !this.#isUnwanted;
    if (isNothing || (label === this.#published && !isOld)) return LOOK_EVERY_MS;
    noteRelays(this.#deps.store, secret, relays);
    grants.use({ secret, relays });
    try {
      await this.#publishRecord(secret, relays);
      this.#published = label;
      this.#publishedAtMs = runtime.monotonic();
      return LOOK_EVERY_MS;
    } catch (error) {
      if (!this.#stopping.signal.aborted) failed(error);
      return Math.max(RETRY_AFTER_MS, retryAfterMs(error));
    } finally {
      this.#firstPublishing.resolve();
    }
  }

  async #publishRecord(secret: MailboxSecret, relays: readonly string[]): Promise<void> {
    const { self, seals, naming, serverNow } = this.#deps;
    const nowMs = Math.floor(serverNow());
    const boxes = relays.flatMap((relay) => {
      const id = findRelayOf(relay);
      return id === undefined ? [] : [{ relay, box: encodeBase64url(ownBox(secret, id, "requests").box) }];
    });
    const record = await signMailboxRecord(
      {
        ...{ name: self.username, device: self.device, boxes },
        key: encodeBase64url(seals.publicKey(sealSeed(secret))),
        seq: this.#sequence.next(nowMs),
        exp: Math.floor(nowMs / 1000) + RECORD_LIFETIME_SECONDS,
      },
      self.deviceKey,
    );
    await naming.publishMailbox(record, this.#stopping.signal).catch((error) => {
      if (isChatError(error, "RECORD_CONFLICT")) this.#sequence.raise();
      throw error;
    });
  }
}
