import { hex } from "../../../shared/bytes.ts";
import type { DeviceId } from "../../../shared/device-id.ts";
import { ChatError } from "../../../shared/errors.ts";
import { sha256 } from "../../../shared/hash.ts";
import { MAILBOX_LIMITS } from "../../../shared/protocol.ts";
import { backOff } from "../back-off.ts";
import { isOwnFault } from "../own-fault.ts";
import type { Mailbox, MailboxNetwork } from "../ports/mailboxes.ts";
import type { Runtime } from "../runtime.ts";
import { Signal } from "../signal.ts";
import type { MailboxSecret } from "../store/mailbox.ts";
import { OpenedBoxes } from "./opened-boxes.ts";
import { type OwnBox, ownBox } from "./own-boxes.ts";
import { Pace } from "./pace.ts";
import type { Taken, TakeOptions } from "./parcel-inbox.ts";

const CONNECT_TIMEOUT_MS = 10_000;
/** A relay that forgets to give notice costs this much time. */
const FETCH_EVERY_MS = 5 * 60_000;
/** How long a parcel waits for the one it follows on, which may lie at another relay. */
const EARLY_FOR_MS = 60_000;
/** Of 512 KiB each, from one box in one pass: twice what a full box holds. */
const MAX_PAGES = 64;
const LOOK_AGAIN_MS = 10_000;
/** Notices cost a relay nothing: it has all its boxes read once a second at most, beyond these. */
const PASSES_AT_ONCE = 20;
const PASS_EVERY_MS = 1000;
const KINDS = ["requests", "contacts"] as const;

export type BoxReaderDeps = {
  readonly mailboxes: MailboxNetwork;
  readonly runtime: Runtime;
  /** What parcels here may be sealed for: whoever knows an older box may know a newer seal. */
  readonly secrets: () => readonly MailboxSecret[];
  /** Whose boxes are to be open at this relay, newest first. */
  readonly openable: () => readonly MailboxSecret[];
  readonly take: (parcel: Uint8Array, options: TakeOptions) => Promise<Taken>;
  /** All that was there has been taken in. */
  readonly drained: () => void;
  /** The newest boxes are open, or no longer. */
  readonly changed: (isOpen: boolean) => void;
  readonly failed: (error: unknown) => void;
};

/** Keeps this device's boxes at one relay open, and takes in what comes. */
export class BoxReader {
  readonly #deps: BoxReaderDeps;
  readonly #relay: { readonly address: string; readonly id: DeviceId };
  readonly #stopping = new AbortController();
  readonly #wake = new Signal();
  readonly #running: Promise<void>;
  readonly #firstVisit = Promise.withResolvers<boolean>();
  /** When each parcel that came too early was first seen, by its hash: places are the relay's to give. */
  #early = new Map<string, number>();
  readonly #pace: Pace;
  #isOpen = false;
  #passesInVain = 0;

  constructor(deps: BoxReaderDeps, relay: { address: string; id: DeviceId }) {
    this.#deps = deps;
    this.#relay = relay;
    this.#pace = new Pace({ burst: PASSES_AT_ONCE, everyMs: PASS_EVERY_MS }, deps.runtime);
    this.#running = Promise.resolve().then(() => this.#run());
  }

  /** Whether all there was has been read once, and the newest boxes are open; false as soon as the relay has failed first. */
  get firstRead(): Promise<boolean> {
    return this.#firstVisit.promise;
  }

  /** Looks now: something may have made what came too early readable. */
  look(): void {
    if (this.#early.size > 0) this.#wake.raise();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new ChatError("INTERRUPTED", "stopping"));
    this.#wake.raise();
    await this.#running;
  }

  async #run(): Promise<void> {
    const pause = backOff(this.#deps.runtime);
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#visit(() => pause.reset());
      } catch (error) {
        if (isOwnFault(error) && !this.#stopping.signal.aborted) this.#deps.failed(error);
      }
      this.#setOpen(false);
      this.#firstVisit.resolve(false);
      await this.#pause(Math.max(pause.next(), this.#pace.waitMs), () => false);
    }
  }

  /** One connection, for as long as it lasts. */
  async #visit(succeeded: () => void): Promise<void> {
    const { mailboxes } = this.#deps;
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]);
    const mailbox = await mailboxes.connect(this.#relay.address, signal);
    let isGone = false;
    const gone = () => {
      isGone = true;
      this.#wake.raise();
    };
    void mailbox.closed.then(gone, gone);
    mailbox.onNotice(() => this.#wake.raise());
    const close = () => void mailbox.close().catch(() => undefined);
    this.#stopping.signal.addEventListener("abort", close);
    try {
      const opened = new OpenedBoxes(mailbox, this.#deps.runtime);
      while (!isGone && !this.#stopping.signal.aborted) {
        this.#pace.count();
        const wanted = this.#wanted();
        const boxes = await opened.open(wanted);
        succeeded();
        this.#setOpen(wanted.slice(-KINDS.length).every((box) => boxes.includes(box)));
        await this.#drainAll(mailbox, boxes);
        this.#deps.drained();
        this.#firstVisit.resolve(this.#isOpen);
        await this.#rest(this.#pauseMs());
        await this.#pause(this.#pace.waitMs, () => isGone);
      }
    } finally {
      this.#stopping.signal.removeEventListener("abort", close);
      await mailbox.close();
    }
  }

  /** What stays where it is, because something else is missing or in trouble, is looked at ever more rarely. */
  #pauseMs(): number {
    if (this.#early.size === 0) return FETCH_EVERY_MS;
    return Math.min(FETCH_EVERY_MS, LOOK_AGAIN_MS * 2 ** Math.min(this.#passesInVain, 8));
  }

  /** In the order in which people come to use them: what lies in one may follow on what lies in one before it. */
  #wanted(): readonly OwnBox[] {
    const oldestFirst = this.#deps.openable().toReversed();
    return oldestFirst.flatMap((secret) => KINDS.map((kind) => ownBox(secret, this.#relay.id, kind)));
  }

  async #drainAll(mailbox: Mailbox, boxes: readonly OwnBox[]): Promise<void> {
    const early = new Map<string, number>();
    let taken = 0;
    for (const box of boxes) taken += await this.#drain(mailbox, box, early);
    this.#passesInVain = taken > 0 ? 0 : this.#passesInVain + 1;
    // What the relay shows no more is waited for no more.
    this.#early = early;
  }

  /** @returns how many parcels are done with */
  async #drain(mailbox: Mailbox, { box, key }: OwnBox, early: Map<string, number>): Promise<number> {
    let [after, taken] = [0, 0];
    // A relay may make up parcels without end; the other boxes have their turn.
    for (let pages = 0, more = true; more && pages < MAX_PAGES && !this.#stopping.signal.aborted; pages += 1) {
      const page = await mailbox.fetch(box, after);
      const done: number[] = [];
      for (const { place, parcel } of page.parcels) {
        if (await this.#takeOne(parcel, early)) done.push(place);
      }
      for (let at = 0; at < done.length; at += MAILBOX_LIMITS.receiptMaxPlaces) {
        await mailbox.receipt(key, done.slice(at, at + MAILBOX_LIMITS.receiptMaxPlaces));
      }
      taken += done.length;
      ({ last: after, more } = page);
    }
    return taken;
  }

  /** True when the mailbox may delete it. */
  async #takeOne(parcel: Uint8Array, early: Map<string, number>): Promise<boolean> {
    const { take, secrets, runtime } = this.#deps;
    const nowMs = runtime.monotonic();
    const name = hex(sha256(parcel));
    const seenAtMs = this.#early.get(name) ?? nowMs;
    const final = nowMs - seenAtMs >= EARLY_FOR_MS;
    const taken = await take(parcel, { secrets: secrets(), final, signal: this.#stopping.signal });
    if (taken === "done") this.#early.delete(name);
    else for (const known of [this.#early, early]) known.set(name, seenAtMs);
    return taken === "done";
  }

  #setOpen(isOpen: boolean): void {
    if (this.#isOpen === isOpen) return;
    this.#isOpen = isOpen;
    this.#deps.changed(isOpen);
  }

  /** However often the reader is woken meanwhile. */
  async #pause(ms: number, isOver: () => boolean): Promise<void> {
    const { runtime } = this.#deps;
    const untilMs = runtime.monotonic() + ms;
    for (let leftMs = ms; leftMs > 0 && !isOver() && !this.#stopping.signal.aborted; ) {
      await this.#rest(leftMs);
      leftMs = untilMs - runtime.monotonic();
    }
  }

  async #rest(ms: number): Promise<void> {
    const cancel = this.#deps.runtime.after(ms, () => this.#wake.raise());
    await this.#wake.wait();
    cancel();
  }
}
