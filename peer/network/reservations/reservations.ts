import { type ErrorCode, isChatError } from "../../../shared/errors.ts";
import type { Runtime } from "../../messaging/runtime.ts";
import type { NetworkLimits } from "../limits.ts";
import { within } from "../waiting.ts";
import { keepReservation } from "./keep-reservation.ts";
import { nextTurns, type Turn } from "./relay-turns.ts";

/** A relay's promise to pass connections on. */
export interface Reservation {
  /** How long it holds, by the relay's word. */
  readonly lifetimeMs: number;
  /** Aborted once the connection is gone, and with it the promise. */
  readonly lost: AbortSignal;
  /** How many bytes have come from the relay so far. */
  heard(): number | undefined;
  /** @throws where the relay does not answer */
  ping(signal: AbortSignal): Promise<void>;
  /** @throws where the relay refuses or does not answer */
  renew(signal: AbortSignal): Promise<{ lifetimeMs: number }>;
  /** @throws where nothing comes through the relay */
  probe(signal: AbortSignal): Promise<void>;
  /** The relay is dead: so is all that runs through it. */
  abandon(): void;
}

/** `reserved`: others reach this device through it. `waiting`: it failed, and is asked again later. */
export type RelayState = Turn["state"];

/** The relays that worked last, over restarts: asked first, and preferred to none. */
export interface RelayMemory {
  worked(): readonly string[];
  save(relays: readonly string[]): void;
}

export type RelayStatus = {
  /** Multiaddr that ends in `/p2p/<relay>`. */
  readonly relay: string;
  readonly state: RelayState;
  /** Milliseconds since the Unix epoch. */
  readonly sinceMs: number;
  /** Why it failed the last time. */
  readonly error?: ErrorCode;
  readonly reason?: string;
};

export type ReservationsDeps = {
  /** The relays to use, the preferred first; asked again after `refresh`. */
  readonly wanted: () => readonly string[];
  readonly reserve: (relay: string, signal: AbortSignal) => Promise<Reservation>;
  readonly runtime: Pick<Runtime, "now" | "monotonic" | "after" | "random">;
  readonly limits: NetworkLimits;
  readonly memory?: RelayMemory;
  /** What `held` answers is different now. */
  readonly onChanged: () => void;
};

type Lane = {
  readonly relay: string;
  readonly stop: AbortController;
  state: RelayState;
  sinceMs: number;
  failures: number;
  failedAtMs: number;
  spread: number;
  isBeside: boolean;
  error: unknown;
  /** Ends a pause between two pings. */
  poke: () => void;
};

const UNTRIED = {
  state: "waiting",
  failures: 0,
  failedAtMs: 0,
  spread: 1,
  isBeside: false,
} as const satisfies Omit<Turn, "relay">;

/**
 * Keeps this device reachable through two relays: the first of the list that work. One that does not answer is left for
 * the next; a preferred one is tried again and taken back.
 */
export class Reservations {
  readonly #deps: ReservationsDeps;
  readonly #lanes = new Map<string, Lane>();
  #cancelTimer = () => {};
  #running = false;
  #worked: readonly string[] = [];

  constructor(deps: ReservationsDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#running = true;
    this.#worked = this.#deps.memory?.worked() ?? [];
    this.#fill();
  }

  stop(): void {
    this.#running = false;
    this.#cancelTimer();
    for (const lane of this.#lanes.values()) lane.stop.abort(new Error("stopping"));
    this.#lanes.clear();
  }

  /** The wanted relays may be others now. */
  refresh(): void {
    if (this.#running) this.#fill();
  }

  /** Something happened to the network or this computer: looks at every relay at once, failed ones too. */
  check(): void {
    for (const lane of this.#lanes.values()) {
      // whoever was not asked yet still comes before
      lane.failures = Math.min(lane.failures, 1);
      lane.failedAtMs = Number.NEGATIVE_INFINITY;
      lane.poke();
    }
    this.refresh();
  }

  /** Relays through which this device can be reached, the preferred first. */
  held(): readonly string[] {
    return this.#wanted().filter((relay) => this.#lanes.get(relay)?.state === "reserved");
  }

  /** Relays that are reserved or being asked. */
  inUse(): readonly string[] {
    return [...this.#lanes.values()].filter(({ state }) => state !== "waiting").map(({ relay }) => relay);
  }

  /** The same, and those that are asked again later. */
  inView(): readonly string[] {
    return [...this.#lanes.keys()];
  }

  status(): readonly RelayStatus[] {
    return this.#wanted().flatMap((relay) => {
      const lane = this.#lanes.get(relay);
      if (lane === undefined) return [];
      const { state, sinceMs, error } = lane;
      const known = isChatError(error) ? error : undefined;
      return [
        {
          relay,
          state,
          sinceMs,
          ...(known !== undefined && { error: known.code }),
          ...(known?.reason !== undefined && { reason: known.reason }),
        },
      ];
    });
  }

  #wanted(): readonly string[] {
    return [...new Set(this.#deps.wanted())];
  }

  /** Starts and ends lanes so that the first two relays that work are held. */
  #fill(): void {
    this.#cancelTimer();
    const wanted = this.#wanted();
    const { runtime, limits } = this.#deps;
    const tooMany = this.held().slice(limits.relays);
    for (const lane of this.#lanes.values()) {
      if (!wanted.includes(lane.relay) || tooMany.includes(lane.relay)) this.#end(lane);
    }
    const nowMs = runtime.monotonic();
    const { missing, beside, wakeAtMs } = nextTurns(
      wanted.map((relay) => this.#lanes.get(relay) ?? { ...UNTRIED, relay }),
      { nowMs, limits, worked: this.#worked },
    );
    for (const relay of missing) void this.#run(this.#laneOf(relay), { isBeside: false });
    for (const relay of beside) void this.#run(this.#laneOf(relay), { isBeside: true });
    if (wakeAtMs !== undefined) this.#cancelTimer = runtime.after(wakeAtMs - nowMs, () => this.#fill());
  }

  #laneOf(relay: string): Lane {
    const lane = this.#lanes.get(relay) ?? {
      ...UNTRIED,
      relay,
      stop: new AbortController(),
      sinceMs: this.#deps.runtime.now(),
      error: undefined,
      poke: () => {},
    };
    this.#lanes.set(relay, lane);
    return lane;
  }

  #end(lane: Lane): void {
    this.#lanes.delete(lane.relay);
    lane.stop.abort(new Error("not wanted"));
    if (lane.state === "reserved") this.#deps.onChanged();
  }

  /** From asking the relay until it fails; whoever ended the lane meanwhile has said so. */
  async #run(lane: Lane, { isBeside }: Pick<Lane, "isBeside">): Promise<void> {
    const { signal } = lane.stop;
    lane.isBeside = isBeside;
    this.#enter(lane, "connecting");
    const startedAtMs = this.#deps.runtime.monotonic();
    try {
      await this.#reserveAndKeep(lane);
    } catch (error) {
      if (signal.aborted) return;
      lane.error = error;
      this.#backOff(lane, this.#deps.runtime.monotonic() - startedAtMs);
      this.#enter(lane, "waiting");
      this.#fill();
    }
  }

  async #reserveAndKeep(lane: Lane): Promise<never> {
    const { runtime, limits, reserve } = this.#deps;
    const { signal } = lane.stop;
    const reservation = await within({ runtime, ms: limits.reserveTimeoutMs, signal }, (attempt) =>
      reserve(lane.relay, attempt),
    );
    signal.throwIfAborted();
    lane.error = undefined;
    this.#enter(lane, "reserved");
    this.#fill();
    this.#remember();
    return keepReservation(reservation, { runtime, limits, signal, poked: () => this.#untilPoked(lane) });
  }

  #untilPoked(lane: Lane): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    lane.poke = resolve;
    return promise;
  }

  #remember(): void {
    const worked = [...new Set([...this.held(), ...this.#worked])].slice(0, this.#deps.limits.relays);
    if (worked.join() === this.#worked.join()) return;
    this.#worked = worked;
    this.#deps.memory?.save(worked);
  }

  #backOff(lane: Lane, lastedMs: number): void {
    const { runtime, limits } = this.#deps;
    lane.failures = lastedMs > limits.relayRetryMaxMs ? 1 : lane.failures + 1;
    lane.failedAtMs = runtime.monotonic();
    lane.spread = 0.5 + runtime.random() / 2;
  }

  #enter(lane: Lane, state: RelayState): void {
    const changes = (lane.state === "reserved") !== (state === "reserved");
    lane.state = state;
    lane.sinceMs = this.#deps.runtime.now();
    if (changes) this.#deps.onChanged();
  }
}
