import type { Namespace, Spoken } from "./namespace.ts";

/** Addresses of one network, given out in order. */
export type Net = {
  readonly prefix: string;
  readonly bits: number;
  readonly version: 4 | 6;
  readonly next: () => number;
};

export type Cable = {
  /** Packets both ways vanish without a word, until it is plugged in again. */
  unplug(): Promise<void>;
  plug(): Promise<void>;
};

/** Where a machine stands: its interface `net0` ends there. */
export type Place = {
  readonly net: Net;
  readonly cable: Cable;
  /** Where everything else is reached. */
  readonly gateway?: string;
};

/** A namespace with one cable. */
export class Machine {
  readonly #namespace: Namespace;
  #place: Place;
  #address = "";

  constructor(namespace: Namespace, place: Place) {
    this.#namespace = namespace;
    this.#place = place;
    this.settle(place);
  }

  /** IPv4, or IPv6 for a machine that has no other. */
  get address(): string {
    return this.#address;
  }

  /** Starts a command on it. */
  get wrapper(): readonly string[] {
    return this.#namespace.wrapper;
  }

  /** Of the process that holds it. */
  get pid(): number {
    return this.#namespace.pid;
  }

  /** Runs a shell script on it, to its end. */
  run(script: string): string {
    return this.#namespace.run(script);
  }

  /** Starts a command that ends with the internet at the latest. */
  start(command: readonly string[]): Spoken {
    return this.#namespace.start(command);
  }

  unplug(): Promise<void> {
    return this.#place.cable.unplug();
  }

  plug(): Promise<void> {
    return this.#place.cable.plug();
  }

  /** Gives it another address in the same network, and takes the old one away. */
  move(): void {
    this.#namespace.run(`ip addr del ${this.#address}/${this.#place.net.bits} dev net0`);
    this.settle(this.#place);
  }

  /** Gives it the next address of the place where its cable ends. */
  settle(place: Place): void {
    const { net, gateway } = place;
    this.#place = place;
    this.#address = `${net.prefix}${net.next()}`;
    // others could otherwise not be reached for a second: duplicate addresses are not looked for
    const nodad = net.version === 6 ? "nodad" : "";
    this.#namespace.run(`ip addr add ${this.#address}/${net.bits} dev net0 ${nodad}; ip link set net0 up`);
    if (gateway !== undefined) this.#namespace.run(`ip route replace default via ${gateway}`);
  }
}
