import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError } from "../../shared/errors.ts";
import type { Username } from "../../shared/username.ts";
import { backOff } from "./back-off.ts";
import { type LaneDeps, OutboundLane } from "./outbound-lane.ts";
import type { Transport } from "./ports.ts";
import { Signal } from "./signal.ts";

const CONNECT_TIMEOUT_MS = 15_000;
/** How old an answer of the naming server may be when things go well, and when they do not. */
const RECORD_AGE_MS = 60_000;
const RECORD_AGE_AFTER_FAILURE_MS = 5000;

export type SenderDeps = LaneDeps & {
  readonly transport: () => Promise<Transport>;
  /** That device is no longer in the record: what waits for it goes to the devices that are. */
  readonly readdress: (to: Username, gone: DeviceId) => void;
};

/** Delivers to one device for as long as the program runs: connects when there is something, backs off when it fails. */
export class PeerSender {
  readonly #deps: SenderDeps;
  readonly #to: Username;
  readonly #device: DeviceId;
  readonly #wake = new Signal();
  readonly #stopping = new AbortController();
  readonly #backOff: ReturnType<typeof backOff>;
  readonly #running: Promise<void>;
  #lane: OutboundLane | undefined;
  #failures = 0;
  #mayGreet = false;

  constructor(deps: SenderDeps, target: { to: Username; device: DeviceId }) {
    this.#deps = deps;
    this.#to = target.to;
    this.#device = target.device;
    this.#backOff = backOff(deps.runtime);
    this.#running = this.#run();
  }

  /** There is something to send, or the device's session changed. */
  nudge(): void {
    this.#lane?.nudge();
    if (this.#failures === 0) this.#wake.raise();
  }

  /** Says hello once, even with nothing to send: a device that waits to reach this one learns that it can. */
  greet(): void {
    this.#mayGreet = true;
    this.nudge();
  }

  /** Something speaks for trying now: the device connected, its record changed, the user asked. */
  retry(): void {
    this.#failures = 0;
    this.#backOff.reset();
    this.#lane?.nudge();
    this.#wake.raise();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.raise();
    await this.#lane?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { store } = this.#deps;
    while (!this.#stopping.signal.aborted) {
      try {
        if (store.outbox.queued(this.#device, 0, 1).length > 0) {
          await this.#deliver();
          this.#failures = 0;
          this.#backOff.reset();
        } else if (this.#mayGreet) {
          this.#mayGreet = false;
          await (await this.#openLane()).greet();
        } else {
          await this.#wake.wait();
        }
      } catch (error) {
        await this.#fail(error);
      }
    }
  }

  async #deliver(): Promise<void> {
    await (await this.#openLane()).pump();
  }

  async #openLane(): Promise<OutboundLane> {
    if (this.#lane === undefined || this.#lane.closed) this.#lane = await this.#connect();
    return this.#lane;
  }

  async #connect(): Promise<OutboundLane> {
    const { resolver, transport, readdress } = this.#deps;
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]);
    const maxAgeMs = this.#failures === 0 ? RECORD_AGE_MS : RECORD_AGE_AFTER_FAILURE_MS;
    const { contact } = await resolver.resolve(this.#to, { maxAgeMs, signal });
    if (!contact.devices.includes(this.#device)) {
      readdress(this.#to, this.#device);
      throw new ChatError("PEER_UNREACHABLE", "that device is no longer theirs", { reason: "device" });
    }
    const channel = await (await transport()).connect(this.#device, contact.addresses[this.#device] ?? [], signal);
    return new OutboundLane(this.#deps, channel, this.#to);
  }

  async #fail(error: unknown): Promise<void> {
    const { store, notices, runtime } = this.#deps;
    const known = error instanceof ChatError ? error : new ChatError("INTERNAL", "unexpected", { cause: error });
    this.#lane?.abort(known);
    this.#lane = undefined;
    if (this.#stopping.signal.aborted) return;
    if (known.code === "INTERNAL") notices.failed(error);
    this.#failures += 1;
    try {
      store.transaction(() => store.outbox.noteAttempt(this.#device, known.code, known.reason));
    } catch (storage) {
      notices.failed(storage);
    }
    if (store.outbox.queued(this.#device, 0, 1).length === 0) return;
    const cancel = runtime.after(this.#backOff.next(), () => this.#wake.raise());
    await this.#wake.wait();
    cancel();
  }
}
