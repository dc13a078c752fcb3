import type { DeviceId } from "../../../shared/device-id.ts";
import type { FrameOf } from "../../../shared/frames.ts";
import { MAILBOX_TOKEN, makeToken } from "../../../shared/mailbox-token.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { findRelayOf } from "../../../shared/relay-address.ts";
import type { ParcelSeals } from "../ports/mailboxes.ts";
import type { Runtime } from "../runtime.ts";
import type { MailboxSecret } from "../store/mailbox.ts";
import type { Store } from "../store.ts";
import { ownBox, sealSeed } from "./own-boxes.ts";

/** With this few tokens left, a contact gets new ones. */
const REFILL_AFTER = LIMITS.grantMaxTokens / 2;

/** Grants that were not answered yet; whoever answers later gets another. */
const MADE_REMEMBERED = 1024;

type GrantBody = Omit<FrameOf<"grant">, "v">;

/** The boxes that are open at relays now. */
export type OpenBoxes = { readonly secret: MailboxSecret; readonly relays: readonly string[] };

/** Lets the people this profile writes with leave parcels for it: each gets tokens of its own. */
export class Grants {
  readonly #store: Store;
  readonly #runtime: Runtime;
  readonly #seals: ParcelSeals;
  /** Which boxes the grants that were made here are for. */
  readonly #made = new Map<number, string>();
  #open: OpenBoxes | undefined;

  constructor({ store, runtime, seals }: { store: Store; runtime: Runtime; seals: ParcelSeals }) {
    this.#store = store;
    this.#runtime = runtime;
    this.#seals = seals;
  }

  /** From now on contacts are to use these. */
  use(open: OpenBoxes): void {
    this.#open = open;
  }

  /** What that device should be told, if it does not know it yet. */
  dueTo(device: DeviceId): GrantBody | undefined {
    const { mailbox, contacts } = this.#store;
    const contact = contacts.findByDevice(device);
    if (this.#open === undefined || !contact?.accepted || contact.blocked) return undefined;
    const given = mailbox.givenTo(device);
    const isKnown = given === undefined ? this.#open.relays.length === 0 : given.boxes === this.#label();
    if (isKnown && (given?.used ?? 0) < REFILL_AFTER) return undefined;
    return this.#make(this.#open, given?.seq ?? 0);
  }

  /** That device has this grant on its disk; a relay may repeat its word. */
  granted(device: DeviceId, seq: number): void {
    const boxes = this.#made.get(seq);
    if (boxes === undefined) return;
    const { mailbox, transaction } = this.#store;
    if ((mailbox.givenTo(device)?.seq ?? 0) >= seq) return;
    transaction(() => mailbox.saveGiven(device, { seq, boxes, used: 0 }));
  }

  /** A parcel came from that device. */
  used(device: DeviceId): void {
    const { mailbox, mark } = this.#store;
    const given = mailbox.givenTo(device);
    if (given !== undefined) mark(() => mailbox.saveGiven(device, { ...given, used: given.used + 1 }));
  }

  #make({ secret, relays }: OpenBoxes, after: number): GrantBody {
    const boxes = relays.flatMap((relay) => {
      const id = findRelayOf(relay);
      return id === undefined ? [] : [{ relay, ...this.#boxWithTokens(secret, id) }];
    });
    const seq = Math.max(this.#runtime.now(), after + 1, ...this.#made.keys().map((made) => made + 1));
    if (this.#made.size >= MADE_REMEMBERED) this.#made.clear();
    this.#made.set(seq, this.#label());
    return { type: "grant", seq, key: this.#seals.publicKey(sealSeed(secret)), boxes };
  }

  #boxWithTokens(secret: MailboxSecret, relay: DeviceId) {
    const { box, tokenKey } = ownBox(secret, relay, "contacts");
    if (tokenKey === null) return { box, tokens: [] };
    const nonces = Array.from({ length: LIMITS.grantMaxTokens }, () =>
      this.#runtime.randomBytes(MAILBOX_TOKEN.nonceBytes),
    );
    return { box, tokens: nonces.map((nonce) => makeToken(tokenKey, nonce)) };
  }

  #label(): string {
    return this.#open === undefined ? "" : [this.#open.secret.week, ...this.#open.relays].join(" ");
  }
}
