import { ChatError } from "../../shared/errors.ts";
import { type Faults, Links } from "./links.ts";
import { peerNames, relayNames, SERVER } from "./names.ts";
import { NamingServer } from "./naming-server.ts";
import { Peer } from "./peer.ts";
import { enterPlace, type Place } from "./place.ts";
import { Relay } from "./relay.ts";
import type { Station } from "./station.ts";
import { type StationOptions, Workshop, type WorkshopDeps } from "./workshop.ts";

export type SandboxOptions = StationOptions & {
  /** How many, with the usual names (alice, bob, carol, ...), or their names; two unless said otherwise. */
  readonly peers?: number | readonly string[];
  /** How many, named relay1, relay2 and so on; none unless said otherwise. */
  readonly relays?: number;
  /** Where everything is kept, and stays: empty, new, or that of an earlier sandbox. Else a temporary directory. */
  readonly directory?: string;
  /** Ends the starting. */
  readonly signal?: AbortSignal;
};

/** A naming server, peers and relays on this machine, and what is wrong between them. */
export class Sandbox implements AsyncDisposable {
  readonly #place: Place;
  readonly #links = new Links(() => this.#workshop.review());
  readonly #workshop: Workshop;
  readonly #signal: AbortSignal | undefined;
  readonly #stations = new Map<string, Station>();

  private constructor(options: SandboxOptions, deps: WorkshopDeps) {
    this.#place = enterPlace(options.directory);
    this.#signal = options.signal;
    const hasRelays = (options.relays ?? 0) > 0;
    this.#workshop = new Workshop({ ...deps, options, hasRelays, place: this.#place, links: this.#links });
  }

  /** Resolves once everybody listens and has everybody else among the contacts. */
  static async start(options: SandboxOptions, deps: WorkshopDeps): Promise<Sandbox> {
    const [peers, relays] = [peerNames(options.peers ?? 2), relayNames(options.relays ?? 0)];
    const sandbox = new Sandbox(options, deps);
    try {
      await unlessAborted(sandbox.#start(peers, relays), options.signal);
      return sandbox;
    } catch (error) {
      await sandbox[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where everything is; `P2PCHAT_HOME` of its peers. */
  get directory(): string {
    return this.#place.directory;
  }

  get server(): NamingServer {
    return this.#find(SERVER, NamingServer);
  }

  get peers(): readonly Peer[] {
    return this.stations.filter((station) => station instanceof Peer);
  }

  get relays(): readonly Relay[] {
    return this.stations.filter((station) => station instanceof Relay);
  }

  /** Everything that runs, or could. */
  get stations(): readonly Station[] {
    return [...this.#stations.values()];
  }

  /** @throws ChatError USAGE where nobody has that name */
  peer(name: string): Peer {
    return this.#find(name, Peer);
  }

  /** A peer, a relay, or `server`. @throws ChatError USAGE where nothing has that name */
  station(name: string): Station {
    const found = this.#stations.get(name);
    if (found !== undefined) return found;
    throw new ChatError("USAGE", `nothing here is called ${name}: there are ${[...this.#stations.keys()].join(", ")}`);
  }

  /** Ends every connection between the two, and lets none come about; with one name, between it and all others. */
  cut(a: string, b?: string): void {
    this.#setFaults(a, b, { cut: true });
  }

  /** Nothing arrives and nothing says so, as where packets vanish. What was on its way arrives once it is healed. */
  drop(a: string, b?: string): void {
    this.#setFaults(a, b, { dropped: true });
  }

  /** Everything arrives so much later, each way; at most a day. @throws ChatError USAGE */
  delay(a: string, b: string | undefined, delayMs: number): void {
    this.#setFaults(a, b, { delayMs });
  }

  /** No more than so many bytes a second, each way; at least one. @throws ChatError USAGE */
  throttle(a: string, b: string | undefined, bytesPerSecond: number): void {
    this.#setFaults(a, b, { bytesPerSecond });
  }

  /** Mends what is wrong between the two; between one and all others; or everything. */
  heal(a?: string, b?: string): void {
    if (a !== undefined) this.#setFaults(a, b, undefined);
    else for (const { between } of this.faults) this.#links.set(...between);
  }

  /** What is wrong, and between whom. */
  get faults(): ReturnType<Links["list"]> {
    return this.#links.list();
  }

  /** Ends all processes, and removes the directory unless it was given. */
  async [Symbol.asyncDispose](): Promise<void> {
    const running = this.stations.filter(({ state }) => state !== "stopped");
    const isPeer = (station: Station) => station instanceof Peer;
    // Whoever goes says so to the naming server.
    for (const group of [running.filter(isPeer), running.filter((one) => !isPeer(one))]) {
      await Promise.allSettled(group.map((station) => station.stop()));
    }
    await this.#workshop[Symbol.asyncDispose]();
    this.#place.leave();
  }

  async #start(peers: readonly string[], relays: readonly string[]): Promise<void> {
    const server = this.#add(await this.#workshop.makeServer());
    await server.start();
    for (const name of relays) this.#add(await this.#workshop.makeRelay(name, server.url));
    for (const name of peers) this.#add(await this.#workshop.makePeer(name, server.url));
    await Promise.all(this.relays.map((relay) => this.#startRelay(relay)));
    await Promise.all(this.peers.map((peer) => this.#startPeer(peer)));
    await Promise.all(this.peers.map((peer) => this.#acquaint(peer)));
  }

  async #startRelay(relay: Relay): Promise<void> {
    await relay.start();
    await relay.listed();
  }

  async #startPeer(peer: Peer): Promise<void> {
    await peer.register();
    this.#signal?.throwIfAborted();
    await peer.start();
  }

  async #acquaint(peer: Peer): Promise<void> {
    await using chat = await peer.connect();
    for (const { name: username } of this.peers.filter((other) => other !== peer)) {
      // Asking for the safety number pins the key.
      await chat.verify({ username });
      await chat.contactsAccept({ username });
    }
  }

  #add<T extends Station>(station: T): T {
    this.#stations.set(station.name, station);
    return station;
  }

  #setFaults(a: string, b: string | undefined, faults: Partial<Faults> | undefined): void {
    const others = b === undefined ? this.stations.map(({ name }) => name).filter((name) => name !== a) : [b];
    for (const name of [a, ...others]) this.station(name);
    if (a === b) throw new ChatError("USAGE", `there is no link between ${a} and itself`);
    for (const other of others) this.#links.set(a, other, faults);
  }

  #find<T extends Station>(name: string, kind: new (...args: never[]) => T): T {
    const station = this.station(name);
    if (station instanceof kind) return station;
    throw new ChatError("USAGE", `${name} cannot do that`);
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  return Promise.race([work, promise]).finally(() => signal.removeEventListener("abort", onAbort));
}
