import { NETWORK_LIMITS } from "../../peer/network/limits.ts";
import { type Reservation, Reservations } from "../../peer/network/reservations/reservations.ts";
import { ChatError } from "../../shared/errors.ts";
import { FakeTime } from "./fake-time.ts";

/** All that promises have to say now. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A relay of a test; `down`: refuses, `frozen`: never answers; `busy`: answers when it is up again, and sends other things. */
class FakeRelay {
  state: "up" | "down" | "frozen" | "busy" = "up";
  lifetimeMs = 2 * 60 * 60_000;
  /** What others send to its user comes through; where it did not, nobody holds a place there before it does. */
  forwards = true;
  probes = 0;
  asked = 0;
  pings = 0;
  renewals = 0;
  abandoned = 0;
  #isBlocked = false;
  #bytes = 0;
  #lost: AbortController | undefined;
  #free = Promise.withResolvers<void>();

  async reserve(signal: AbortSignal): Promise<Reservation> {
    this.asked += 1;
    await this.#answer(signal);
    if (this.#isBlocked) await this.#pass(signal);
    const lost = new AbortController();
    this.#lost = lost;
    return {
      lifetimeMs: this.lifetimeMs,
      lost: lost.signal,
      heard: () => {
        if (this.state === "busy") this.#bytes += 1;
        return this.#bytes;
      },
      ping: async (attempt) => {
        this.pings += 1;
        await this.#answer(attempt);
      },
      renew: async (attempt) => {
        this.renewals += 1;
        await this.#answer(attempt);
        return { lifetimeMs: this.lifetimeMs };
      },
      probe: async (attempt) => {
        this.probes += 1;
        await this.#pass(attempt);
      },
      abandon: () => {
        this.abandoned += 1;
      },
    };
  }

  /** It is busy no more. */
  free(): void {
    this.state = "up";
    this.#free.resolve();
    this.#free = Promise.withResolvers();
  }

  /** Its process ends. */
  die(): void {
    this.state = "down";
    this.#lost?.abort(new ChatError("PEER_UNREACHABLE", "the relay is gone"));
  }

  async #pass(signal: AbortSignal): Promise<void> {
    this.#isBlocked = !this.forwards;
    if (this.forwards) return;
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  }

  async #answer(signal: AbortSignal): Promise<void> {
    if (this.state === "frozen") {
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    }
    if (this.state === "busy") {
      const aborted = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      await Promise.race([this.#free.promise, aborted]);
    }
    if (this.state === "down") throw new ChatError("PEER_UNREACHABLE", "refused", { reason: "reservation" });
  }
}

/** A device whose list has those relays. */
export const relaysListed = (...names: string[]) => relaysListedAfter([], ...names);

/** The same, where some of them worked before a restart. */
export function relaysListedAfter(worked: readonly string[], ...names: string[]) {
  const time = new FakeTime();
  const relays = new Map(names.map((name) => [name, new FakeRelay()]));
  const relay = (name: string) => relays.get(name) ?? new FakeRelay();
  const told: (readonly string[])[] = [];
  const saved: (readonly string[])[] = [];
  let wanted: readonly string[] = names;
  const reservations: Reservations = new Reservations({
    wanted: () => wanted,
    reserve: (name, signal) => relay(name).reserve(signal),
    runtime: time.runtime("reservations"),
    limits: NETWORK_LIMITS,
    memory: { worked: () => worked, save: (relays) => saved.push(relays) },
    onChanged: () => told.push(reservations.held()),
  });
  return {
    ...{ time, relay, told, saved, reservations },
    want: (...relaysNow: string[]) => {
      wanted = relaysNow;
      reservations.refresh();
    },
    /** Lets time pass in steps that leave promises their turn. */
    pass: async (ms: number) => {
      for (let leftMs = ms; leftMs > 0; leftMs -= 250) {
        time.pass(Math.min(250, leftMs));
        await settled();
      }
    },
    start: async () => {
      reservations.start();
      await settled();
    },
    freeze: (...frozen: string[]) => {
      for (const name of frozen) relay(name).state = "frozen";
    },
  };
}
