import { equalBytes } from "../../../shared/bytes.ts";
import type { DeviceId } from "../../../shared/device-id.ts";
import { asChatError, ChatError, isChatError } from "../../../shared/errors.ts";
import { findRelayOf } from "../../../shared/relay-address.ts";
import type { Mailbox, MailboxNetwork } from "../ports/mailboxes.ts";
import type { Relayed } from "../store/outbox.ts";
import type { Store } from "../store.ts";
import { type Destination, type DestinationDeps, findDestination, type Slot } from "./destination.ts";

const CONNECT_TIMEOUT_MS = 5000;
/** A relay that calls each token spent does not get them all. */
const TOKENS_TRIED = 3;

type Deps = DestinationDeps & { readonly store: Store; readonly mailboxes: MailboxNetwork };
type Options = {
  readonly device: DeviceId;
  /** The relay to try last. */
  readonly avoid: DeviceId | undefined;
  readonly signal: AbortSignal;
};

/** Deposits for one device, over connections that are made for it: a relay does not see that others come from here too. */
export class DepositRun {
  readonly #deps: Deps;
  readonly #device: DeviceId;
  readonly #signal: AbortSignal;
  readonly #connections = new Map<string, Promise<Mailbox>>();
  /** Failed in this run, so tried last. */
  readonly #failed = new Set<DeviceId>();
  /** Have no granted box: theirs is of long ago, or they lost everything and its owner has not been back. */
  readonly #boxless = new Set<DeviceId>();

  constructor(deps: Deps, { device, avoid, signal }: Options) {
    this.#deps = deps;
    this.#device = device;
    this.#signal = signal;
    if (avoid !== undefined) this.#failed.add(avoid);
    signal.addEventListener("abort", this.#close);
  }

  avoid(relay: DeviceId): void {
    this.#failed.add(relay);
  }

  /**
   * Leaves a parcel in the first box that takes it.
   *
   * @throws ChatError of the last that did not
   */
  async deposit({ slots }: Destination, parcel: Uint8Array): Promise<Omit<Relayed, "atMs">> {
    let failure = new ChatError("PEER_UNREACHABLE", "that device has no mailbox", { reason: "no-mailbox" });
    const byHope = slots.toSorted((a, b) => Number(this.#hasFailed(a)) - Number(this.#hasFailed(b)));
    for (const slot of byHope) {
      const relay = findRelayOf(slot.relay);
      if (relay === undefined || !this.#isForUs(slot, relay, slots)) continue;
      try {
        const mailbox = await this.#connect(slot.relay);
        await this.#depositIn(mailbox, slot, parcel);
        return { relay, store: mailbox.store };
      } catch (error) {
        this.#signal.throwIfAborted();
        failure = asChatError(error);
        this.#failed.add(relay);
        if (slot.tokens !== null && isChatError(error, "NOT_FOUND")) this.#boxless.add(relay);
      }
    }
    throw failure;
  }

  /** The store that a relay shows now; undefined where it is not known where that relay is. */
  async storeOf(relay: DeviceId): Promise<Uint8Array | undefined> {
    const slots = findDestination(this.#deps, this.#device)?.slots ?? [];
    const address = slots.find((slot) => findRelayOf(slot.relay) === relay)?.relay;
    return address === undefined ? undefined : (await this.#connect(address)).store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener("abort", this.#close);
    await this.#close();
  }

  /** Ends whatever waits for a relay's answer. */
  readonly #close = async (): Promise<void> => {
    const connections = [...this.#connections.values()];
    await Promise.all(connections.map((one) => one.then((mailbox) => mailbox.close()).catch(() => undefined)));
  };

  #hasFailed({ relay }: Slot): boolean {
    const id = findRelayOf(relay);
    return id !== undefined && this.#failed.has(id);
  }

  /** A box for everybody is small, and there for people who have no other at that relay. */
  #isForUs({ tokens }: Slot, relay: DeviceId, slots: readonly Slot[]): boolean {
    if (tokens !== null) return !this.#boxless.has(relay);
    return this.#boxless.has(relay) || !slots.some((one) => one.tokens !== null && findRelayOf(one.relay) === relay);
  }

  #connect(relay: string): Promise<Mailbox> {
    const known = this.#connections.get(relay);
    if (known !== undefined) return known;
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]);
    const connecting = this.#deps.mailboxes.connect(relay, signal);
    this.#connections.set(relay, connecting);
    connecting.catch(() => this.#connections.delete(relay));
    return connecting;
  }

  /** A token that was used before, perhaps by this device's answer that got lost, is no reason to give up. */
  async #depositIn(mailbox: Mailbox, { box, tokens }: Slot, parcel: Uint8Array): Promise<void> {
    if (tokens === null) return mailbox.deposit(box, null, parcel);
    for (const token of tokens.slice(0, TOKENS_TRIED)) {
      try {
        await mailbox.deposit(box, token, parcel);
        this.#spend(box, token);
        return;
      } catch (error) {
        if (!isChatError(error, "TOKEN_REPLAYED", "TOKEN_INVALID")) throw error;
        this.#spend(box, token);
      }
    }
    throw new ChatError("QUOTA", "no token is left for that mailbox", { reason: "tokens" });
  }

  #spend(box: Uint8Array, spent: Uint8Array): void {
    const { mailbox, mark } = this.#deps.store;
    const grant = mailbox.grantOf(this.#device);
    if (grant === undefined) return;
    const boxes = grant.boxes.map((one) =>
      equalBytes(one.box, box) ? { ...one, tokens: one.tokens.filter((token) => !equalBytes(token, spent)) } : one,
    );
    mark(() => mailbox.saveGrant(this.#device, { ...grant, boxes }));
  }
}
