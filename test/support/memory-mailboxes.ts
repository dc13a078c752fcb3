import type { BoxKey, Mailbox, MailboxNetwork } from "../../peer/messaging/ports/mailboxes.ts";
import { hex } from "../../shared/bytes.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { rawPublicKey } from "../../shared/ed25519.ts";
import { ChatError } from "../../shared/errors.ts";
import { sha256 } from "../../shared/hash.ts";
import { checkToken, nonceOfToken } from "../../shared/mailbox-token.ts";
import { PARCEL_BUCKETS } from "../../shared/protocol.ts";

type Stored = { readonly place: number; readonly parcel: Uint8Array };
type Box = {
  readonly kind: BoxKey["kind"];
  readonly tokenKey: Uint8Array | null;
  readonly spent: Map<string, string>;
  readonly parcels: Stored[];
  places: number;
};

/** What a lying relay hands out of what lies in a box. */
export type Tampering = (parcels: readonly Stored[]) => readonly Stored[];

/** A relay's mailbox in memory, with faults. */
export class MemoryRelay {
  readonly address: string;
  store = Uint8Array.from({ length: 16 }, () => 1);
  isDown = false;
  tamper: Tampering = (parcels) => parcels;
  /** The tokens that it was shown, whatever it answered. */
  readonly tokensShown = new Set<string>();
  /** Everything that was ever deposited. */
  readonly deposited: Uint8Array[] = [];
  readonly boxes = new Map<string, Box>();
  readonly visits = new Set<Visit>();
  capacity = 1000;
  /** What it answers to every deposit instead of taking it. */
  refuses: ChatError | undefined;
  /** It takes requests and answers none. */
  isSilent = false;
  /** How many boxes it still makes. */
  newBoxes = Number.POSITIVE_INFINITY;
  /** How often it was asked to open a box. */
  opens = 0;
  /** Connections that were made to it so far. */
  connections = 0;
  readonly touch: () => void;

  constructor(id: DeviceId, touch: () => void) {
    this.address = `/ip4/192.0.2.9/tcp/4001/p2p/${id}`;
    this.touch = touch;
  }

  get waiting(): number {
    return [...this.boxes.values()].reduce((sum, { parcels }) => sum + parcels.length, 0);
  }

  /** Tells everybody that something has come. */
  notify(): void {
    for (const visit of this.visits) visit.notify();
  }

  goDown(): void {
    this.isDown = true;
    for (const visit of [...this.visits]) void visit.close();
  }

  comeBack(): void {
    this.isDown = false;
  }

  loseEverything(): void {
    this.store = this.store.map((byte) => byte + 1);
    this.boxes.clear();
    this.goDown();
    this.comeBack();
  }
}

class Visit implements Mailbox {
  readonly #relay: MemoryRelay;
  readonly #gone = Promise.withResolvers<void>();
  readonly #open = new Set<string>();
  #notice: (box: Uint8Array) => void = () => undefined;
  #isClosed = false;

  constructor(relay: MemoryRelay) {
    this.#relay = relay;
    relay.visits.add(this);
    relay.connections += 1;
  }

  get store(): Uint8Array {
    return this.#relay.store;
  }

  get closed(): Promise<void> {
    return this.#gone.promise;
  }

  onNotice(listener: (box: Uint8Array) => void): void {
    this.#notice = listener;
  }

  notify(): void {
    for (const box of this.#open) this.#notice(Buffer.from(box, "hex"));
  }

  async open({ key, kind, tokenKey }: BoxKey): Promise<void> {
    await this.#turn();
    this.#relay.opens += 1;
    const name = hex(rawPublicKey(key));
    if (!this.#relay.boxes.has(name)) {
      if (this.#relay.newBoxes <= 0) throw new ChatError("RATE_LIMITED", "no new box for now");
      this.#relay.newBoxes -= 1;
      this.#relay.boxes.set(name, { kind, tokenKey, spent: new Map(), parcels: [], places: 0 });
    }
    this.#open.add(name);
  }

  async fetch(box: Uint8Array, after: number) {
    await this.#turn();
    if (!this.#open.has(hex(box))) throw new ChatError("NOT_FOUND", "not opened here");
    const shown = this.#relay.tamper(this.#relay.boxes.get(hex(box))?.parcels ?? []);
    const parcels = shown.filter(({ place }) => place > after);
    return { parcels, last: Math.max(after, ...parcels.map(({ place }) => place)), more: false };
  }

  async receipt(key: BoxKey["key"], places: readonly number[]): Promise<void> {
    await this.#turn();
    const found = this.#relay.boxes.get(hex(rawPublicKey(key)));
    const rest = found?.parcels.filter(({ place }) => !places.includes(place)) ?? [];
    found?.parcels.splice(0, found.parcels.length, ...rest);
  }

  async deposit(box: Uint8Array, token: Uint8Array | null, parcel: Uint8Array): Promise<void> {
    await this.#turn();
    if (token !== null) this.#relay.tokensShown.add(hex(token));
    if (this.#relay.refuses !== undefined) throw this.#relay.refuses;
    const found = this.#relay.boxes.get(hex(box));
    if (found === undefined || (token === null) !== (found.tokenKey === null)) {
      throw new ChatError("NOT_FOUND", "no such box");
    }
    if (!PARCEL_BUCKETS.some((size) => size === parcel.length)) throw new ChatError("REQUEST_INVALID", "size");
    if (token !== null && found.tokenKey !== null) {
      checkToken(found.tokenKey, token);
      const [nonce, hash] = [hex(nonceOfToken(token)), hex(sha256(parcel))];
      if (found.spent.get(nonce) === hash) return;
      if (found.spent.has(nonce)) throw new ChatError("TOKEN_REPLAYED", "spent");
      this.#assertRoom(found);
      found.spent.set(nonce, hash);
    }
    this.#assertRoom(found);
    found.places += 1;
    found.parcels.push({ place: found.places, parcel });
    this.#relay.deposited.push(parcel);
    for (const visit of this.#relay.visits) if (visit.#open.has(hex(box))) visit.#notice(box);
  }

  #assertRoom({ parcels }: Box): void {
    if (parcels.length >= this.#relay.capacity) throw new ChatError("QUOTA", "full", { reason: "box" });
  }

  async close(): Promise<void> {
    this.#relay.touch();
    this.#isClosed = true;
    this.#relay.visits.delete(this);
    this.#gone.resolve();
  }

  async #turn(): Promise<void> {
    this.#relay.touch();
    await (this.#relay.isSilent ? this.closed : new Promise<void>((resolve) => void setImmediate(resolve)));
    if (this.#isClosed || this.#relay.isDown) throw new ChatError("PEER_UNREACHABLE", "the relay is gone");
  }
}

export class MemoryMailboxes implements MailboxNetwork {
  readonly #relays = new Map<string, MemoryRelay>();

  add(relay: MemoryRelay): MemoryRelay {
    this.#relays.set(relay.address, relay);
    return relay;
  }

  async connect(address: string): Promise<Mailbox> {
    const relay = this.#relays.get(address);
    relay?.touch();
    await new Promise<void>((resolve) => void setImmediate(resolve));
    if (relay === undefined || relay.isDown) throw new ChatError("PEER_UNREACHABLE", "no such relay");
    return new Visit(relay);
  }
}
