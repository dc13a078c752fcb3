import { ChatError } from "../../../shared/errors.ts";
import { findRelayOf } from "../../../shared/relay-address.ts";
import type { RelayDescriptorPayload, RelayRole } from "../../../shared/relay-descriptor.ts";
import { isWithinReach, type RelayReach } from "../../../shared/relay-reach.ts";
import type { Runtime } from "../runtime.ts";
import { ORDER_SECRET_BYTES, orderRelays } from "./relay-order.ts";

const REFRESH_EVERY_MS = 10 * 60_000;
const RETRY_AFTER_MS = 30_000;

/** Which relays a profile uses: its own first, and after them those that the naming server lists, where that is wanted. */
export type RelayPolicy = { readonly own: readonly string[]; readonly listed: boolean };

/**
 * Reads `relays` of the configuration: multiaddrs `/ip4|ip6/…/tcp/…/p2p/<relay>`, `auto` for those that the naming server
 * lists, or both, between commas or spaces; or `none`.
 *
 * @throws ChatError CONFIG_INVALID
 */
export function parseRelayPolicy(text = "auto"): RelayPolicy {
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  if (words.length === 1 && words[0] === "none") return { own: [], listed: false };
  const own = words.filter((word) => word !== "auto");
  const wrong = own.find((word) => findRelayOf(word) === undefined || !isWithinReach(word, "loopback"));
  if (words.length > 0 && wrong === undefined) return { own, listed: words.includes("auto") };
  throw new ChatError(
    "CONFIG_INVALID",
    `relays: "${wrong ?? text}" is no /ip4|ip6/<address>/tcp/<port>/p2p/<relay>, auto or none`,
    { reason: "relays" },
  );
}

type Options = {
  readonly policy: RelayPolicy;
  /** How near a listed relay may be. */
  readonly reach: RelayReach;
  readonly list: (signal: AbortSignal) => Promise<readonly RelayDescriptorPayload[]>;
  /** The last list, over restarts: who is in touch with a mailbox needs no naming server to read it. */
  readonly remembered: {
    relays(): readonly RelayDescriptorPayload[];
    saveRelays(relays: readonly RelayDescriptorPayload[]): void;
    /** `relayOrderSecret`. */
    orderSecret(): Uint8Array;
  };
  readonly runtime: Pick<Runtime, "after" | "randomBytes">;
  /** What `withRole` answers may be different now. */
  readonly changed: () => void;
  readonly failed: (error: unknown) => void;
};

/** The relays to use, in the order in which to try them. */
export class RelayChoice {
  readonly #options: Options;
  readonly #stopping = new AbortController();
  readonly #ordered = new Map<RelayRole, readonly string[]>();
  #listed: readonly RelayDescriptorPayload[] = [];
  #drawnBy: Uint8Array | undefined;
  #cancel = () => {};

  constructor(options: Options) {
    this.#options = options;
  }

  /** Asks the naming server now and from then on; resolves after the first answer, whatever it was. */
  async start(): Promise<void> {
    const { policy, remembered, changed, failed } = this.#options;
    if (!policy.listed) return;
    try {
      this.#use(remembered.relays());
      if (this.#listed.length > 0) changed();
    } catch (error) {
      failed(error);
    }
    await this.#refresh();
  }

  stop(): void {
    this.#stopping.abort();
    this.#cancel();
  }

  /**
   * Own relays are taken at their owner's word. Each profile puts the others in an order of its own, always the same, so
   * that all together spread over them.
   */
  withRole(role: RelayRole): readonly string[] {
    const { own } = this.#options.policy;
    const others = this.#ordered.get(role) ?? this.#order(role);
    this.#ordered.set(role, others);
    return [...own, ...others];
  }

  #order(role: RelayRole): readonly string[] {
    const { policy, reach } = this.#options;
    const own = new Set(policy.own.map(findRelayOf));
    const others = this.#listed.flatMap(({ roles, relay, addrs }) => {
      const address = addrs.find((one) => isWithinReach(one, reach));
      return address === undefined || own.has(relay) || !roles.includes(role) ? [] : [{ relay, address }];
    });
    return others.length === 0 ? [] : orderRelays(others, this.#secret());
  }

  /** Asked in the middle of anything: a disk that fails costs the order, until the next start, and nothing else. */
  #secret(): Uint8Array {
    const { remembered, runtime, failed } = this.#options;
    try {
      this.#drawnBy ??= remembered.orderSecret();
    } catch (error) {
      failed(error);
      this.#drawnBy = runtime.randomBytes(ORDER_SECRET_BYTES);
    }
    return this.#drawnBy;
  }

  #use(listed: readonly RelayDescriptorPayload[]): void {
    this.#listed = listed;
    this.#ordered.clear();
  }

  async #refresh(): Promise<void> {
    const { list, remembered, changed, failed, runtime } = this.#options;
    let delayMs = RETRY_AFTER_MS;
    try {
      const listed = await list(this.#stopping.signal);
      this.#stopping.signal.throwIfAborted();
      this.#use(listed);
      // The first relay of all may be listed any moment.
      if (listed.length > 0) delayMs = REFRESH_EVERY_MS;
      changed();
      remembered.saveRelays(this.#listed);
    } catch (error) {
      if (!this.#stopping.signal.aborted) failed(error);
    }
    if (!this.#stopping.signal.aborted) this.#cancel = runtime.after(delayMs, () => void this.#refresh());
  }
}
