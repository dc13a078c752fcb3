import type { KeyObject } from "node:crypto";
import type { DeviceId } from "../../shared/device-id.ts";
import { asChatError, type ChatError, isChatError } from "../../shared/errors.ts";
import { type RelayDescriptorPayload, signRelayDescriptor } from "../../shared/relay-descriptor.ts";
import { isWithinReach, relayReachAt } from "../../shared/relay-reach.ts";
import type { Runtime } from "../messaging/runtime.ts";

/** A naming server that lists relays. */
export interface RelayList {
  /** The server's own spelling of its URL; learnt from its refusals. */
  readonly audience: string;
  publishRelay(relay: DeviceId, descriptor: string, signal: AbortSignal): Promise<void>;
}

type Parts = {
  readonly list: RelayList;
  /** What the relay offers; how it is signed changes each time. */
  readonly offer: Pick<RelayDescriptorPayload, "relay" | "roles" | "limits" | "operator" | "addrs">;
  readonly key: KeyObject;
  /** Of the naming server, as far as it is known; milliseconds. */
  readonly now: () => number;
  readonly runtime: Pick<Runtime, "after" | "random">;
  readonly listed: () => void;
  readonly failed: (error: ChatError) => void;
};

const LIFETIME_SECONDS = 3600;
const RENEW_MS = 20 * 60_000;
const RETRY_MIN_MS = 5000;
const RETRY_MAX_MS = 300_000;
const PUBLISH_TIMEOUT_MS = 20_000;
const WITHDRAW_TIMEOUT_MS = 3000;
/** A server may correct the clock and the spelling of its URL, once each. */
const MAX_CORRECTIONS = 2;

/** Keeps a relay on a naming server's list: publishes its descriptor, renews it, withdraws it. */
export class Listing {
  readonly #parts: Parts;
  #seq = 0;
  #failures = 0;
  #cancel = () => {};
  #publishing: Promise<void> = Promise.resolve();
  #mayBeListed = false;
  #stopped = new AbortController();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  start(): void {
    this.#publishing = this.#publishAndGoOn();
  }

  /** Ends with the relay off the list, where the server can be reached at once. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#cancel();
    await this.#publishing;
    if (!this.#mayBeListed) return;
    await this.#publish([], AbortSignal.timeout(WITHDRAW_TIMEOUT_MS)).catch((error) =>
      this.#parts.failed(asChatError(error)),
    );
  }

  async #publishAndGoOn(): Promise<void> {
    const { runtime, offer, listed, failed } = this.#parts;
    try {
      await this.#publish(
        offer.addrs,
        AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(PUBLISH_TIMEOUT_MS)]),
      );
      this.#mayBeListed = true;
      this.#failures = 0;
      listed();
    } catch (error) {
      this.#mayBeListed ||= mayHaveArrived(error);
      if (this.#stopped.signal.aborted) return;
      this.#failures += 1;
      failed(asChatError(error));
    }
    const waitMs = this.#failures === 0 ? RENEW_MS : Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (this.#failures - 1));
    // not all relays at once, after the server was away
    this.#cancel = runtime.after(waitMs * (0.75 + runtime.random() / 4), () => this.start());
  }

  async #publish(addrs: readonly string[], signal: AbortSignal): Promise<void> {
    const { list, offer, key } = this.#parts;
    for (let corrections = 0; ; corrections += 1) {
      const nowMs = this.#parts.now();
      // rises over restarts, without a file to keep it in
      this.#seq = Math.max(this.#seq + 1, Math.floor(nowMs));
      const times = { aud: list.audience, seq: this.#seq, exp: Math.floor(nowMs / 1000) + LIFETIME_SECONDS };
      const descriptor = await signRelayDescriptor({ ...offer, ...times, addrs: listable(addrs, list.audience) }, key);
      try {
        await list.publishRelay(offer.relay, descriptor, signal);
        return;
      } catch (error) {
        if (!isCorrectable(error) || corrections === MAX_CORRECTIONS) throw error;
      }
    }
  }
}

/** Those that the server's users may dial. Where there are none the server says so to the operator. */
function listable(addrs: readonly string[], server: string): string[] {
  const found = addrs.filter((address) => isWithinReach(address, relayReachAt(server)));
  return found.length > 0 ? found : [...addrs];
}

function isCorrectable(error: unknown): boolean {
  if (!isChatError(error)) return false;
  return error.reason === "aud" || error.reason === "lifetime" || isChatError(error, "CLOCK_SKEW", "RECORD_EXPIRED");
}

/** What got no answer may have been taken all the same. */
function mayHaveArrived(error: unknown): boolean {
  if (isChatError(error, "SERVER_UNREACHABLE")) return error.reason === "timeout" || error.reason === "connection";
  return isChatError(error, "INTERRUPTED", "TIMED_OUT", "SERVER_ERROR");
}
