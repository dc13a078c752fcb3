import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ChatError } from "../../shared/errors.ts";
import type { Runtime } from "../messaging/runtime.ts";
import type { Chat } from "../sdk/chat.ts";
import { Callers } from "./callers.ts";
import { environmentOf } from "./environment.ts";
import { Gate } from "./gate.ts";
import { type Faults, Links } from "./links.ts";
import { peerNames, relayNames, SERVER } from "./names.ts";
import { NamingServer } from "./naming-server.ts";
import { Peer } from "./peer.ts";
import { Person } from "./person.ts";
import { enterPlace, type Place } from "./place.ts";
import { type Line, Program, type StartOptions } from "./program.ts";
import type { Programs } from "./programs.ts";
import { Relay } from "./relay.ts";
import type { Death, Station } from "./station.ts";

export type SandboxOptions = {
  /** How many, with the usual names (alice, bob, carol, ...), or their names; two unless said otherwise. */
  readonly peers?: number | readonly string[];
  /** How many, named relay1, relay2 and so on; none unless said otherwise. */
  readonly relays?: number;
  /** Where everything is kept, and stays: empty, new, or that of an earlier sandbox. Else a temporary directory. */
  readonly directory?: string;
  /** More options of every `p2pchat listen`. */
  readonly listenOptions?: readonly string[];
  /** More variables for every process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Takes what the peers print from their start on, in place of `next` and `nextMessage`. */
  readonly onEvent?: (peer: string, event: Line) => void;
  /** A process has ended that nobody asked to. */
  readonly onDeath?: (name: string, death: Death) => void;
  /** Ends the starting. */
  readonly signal?: AbortSignal;
};

export type SandboxDeps = {
  readonly programs: Programs;
  readonly runtime: Pick<Runtime, "after" | "monotonic">;
  /** As of the library. */
  readonly connect: (place: { readonly home: string; readonly profile: string }) => Promise<Chat>;
};

/** A naming server, peers and relays on this machine, and what is wrong between them. */
export class Sandbox implements AsyncDisposable {
  readonly #options: SandboxOptions;
  readonly #deps: SandboxDeps;
  readonly #place: Place;
  readonly #links = new Links(() => this.#gates.forEach((gate) => void gate.review()));
  readonly #callers: Callers;
  readonly #gates: Gate[] = [];
  readonly #stations = new Map<string, Station>();
  readonly #programs = new Set<Program>();

  private constructor(options: SandboxOptions, deps: SandboxDeps) {
    [this.#options, this.#deps] = [options, deps];
    this.#callers = new Callers(deps.runtime);
    this.#place = enterPlace(options.directory);
  }

  /** Resolves once everybody listens and has everybody else among the contacts. */
  static async start(options: SandboxOptions, deps: SandboxDeps): Promise<Sandbox> {
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
    const others = [...this.#programs].map((program) => program.kill9());
    await Promise.allSettled([...others, ...this.#gates.map((gate) => gate[Symbol.asyncDispose]())]);
    this.#place.leave();
  }

  async #start(peers: readonly string[], relays: readonly string[]): Promise<void> {
    mkdirSync(this.#temporary, { recursive: true, mode: 0o700 });
    const server = await this.#addServer();
    await server.start();
    for (const name of relays) await this.#addRelay(name);
    for (const name of peers) await this.#addPeer(name);
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
    this.#options.signal?.throwIfAborted();
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

  async #addServer(): Promise<NamingServer> {
    const gate = await this.#openGate(SERVER, this.#place.serverPort);
    this.#place.remember(gate.port);
    const { programs } = this.#deps;
    const databasePath = join(this.directory, "naming.db");
    const command = [process.execPath, ...this.#nodeOptions, programs.namingServer];
    const run = (args: readonly string[]) =>
      this.#run(SERVER, [...command, ...args], { env: this.#environment(SERVER), directory: this.directory });
    return this.#add(new NamingServer({ gate, databasePath, run, onDeath: this.#onDeath(SERVER) }));
  }

  async #addRelay(name: string): Promise<Relay> {
    const gate = await this.#openGate(name);
    const [person, directory] = [this.#person(name), join(this.directory, name)];
    return this.#add(new Relay({ person, gate, directory, server: this.server.url, onDeath: this.#onDeath(name) }));
  }

  async #addPeer(name: string): Promise<Peer> {
    const { listenOptions = [], onEvent } = this.#options;
    const parts = {
      ...{ person: this.#person(name), gate: await this.#openGate(name), listenOptions },
      connect: (profile: string) => this.#deps.connect({ home: this.directory, profile }),
      onLine: onEvent && ((line: Line) => onEvent(name, line)),
      onDeath: this.#onDeath(name),
    };
    return this.#add(new Peer(parts));
  }

  #add<T extends Station>(station: T): T {
    this.#stations.set(station.name, station);
    return station;
  }

  async #openGate(owner: string, port?: number): Promise<Gate> {
    const { runtime } = this.#deps;
    const gate = await Gate.open({ owner, links: this.#links, callers: this.#callers, runtime }, port);
    this.#gates.push(gate);
    return gate;
  }

  #person(name: string): Person {
    const start = (command: readonly string[], options: StartOptions) => this.#run(name, command, options);
    const place = { directory: this.directory, env: this.#environment(name), server: () => this.server.url };
    return new Person({ name, program: this.#deps.programs.p2pchat, nodeOptions: this.#nodeOptions, ...place, start });
  }

  #run(name: string, command: readonly string[], options: StartOptions): Program {
    const onMessage = (message: unknown) => this.#callers.hear(name, message);
    const program = new Program(command, { ...options, onMessage });
    this.#programs.add(program);
    void program.exited.finally(() => this.#programs.delete(program)).catch(() => undefined);
    return program;
  }

  get #nodeOptions(): readonly string[] {
    return ["--import", this.#deps.programs.attendant];
  }

  get #temporary(): string {
    return join(this.directory, "tmp");
  }

  #environment(name: string): Record<string, string> {
    const { relays = 0, env } = this.#options;
    const place = { directory: this.directory, temporary: this.#temporary };
    return { ...environmentOf({ ...place, name, hasRelays: relays > 0 }, process.env), ...env };
  }

  #onDeath(name: string): (death: Death) => void {
    return (death) => this.#options.onDeath?.(name, death);
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
