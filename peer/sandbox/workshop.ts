import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ChatError } from "../../shared/errors.ts";
import type { Runtime } from "../messaging/runtime.ts";
import type { Chat } from "../sdk/chat.ts";
import { Callers } from "./callers.ts";
import { environmentOf } from "./environment.ts";
import { Gate } from "./gate.ts";
import type { Links } from "./links.ts";
import { SERVER } from "./names.ts";
import { NamingServer } from "./naming-server.ts";
import { Peer } from "./peer.ts";
import { Person } from "./person.ts";
import type { Place } from "./place.ts";
import { type Line, Program, type StartOptions } from "./program.ts";
import type { Programs } from "./programs.ts";
import { Relay } from "./relay.ts";
import type { Death } from "./station.ts";

export type StationOptions = {
  /** More options of every `p2pchat listen`. */
  readonly listenOptions?: readonly string[];
  /** More variables for every process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Takes what the peers print from their start on, in place of `next` and `nextMessage`. */
  readonly onEvent?: (peer: string, event: Line) => void;
  /** A process has ended that nobody asked to. */
  readonly onDeath?: (name: string, death: Death) => void;
};

export type WorkshopDeps = {
  readonly programs: Programs;
  readonly runtime: Pick<Runtime, "after" | "monotonic">;
  /** As of the library. */
  readonly connect: (place: { readonly home: string; readonly profile: string }) => Promise<Chat>;
};

type Parts = WorkshopDeps & {
  readonly options: StationOptions;
  readonly hasRelays: boolean;
  readonly place: Place;
  readonly links: Links;
};

/** Makes the places of a sandbox, each behind a gate of its own, and keeps what they start. */
export class Workshop implements AsyncDisposable {
  readonly #parts: Parts;
  readonly #callers: Callers;
  readonly #gates: Gate[] = [];
  readonly #programs = new Set<Program>();
  #isClosed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#callers = new Callers(parts.runtime);
  }

  /** First of all: the directory that temporary files go to is made for it. */
  async makeServer(): Promise<NamingServer> {
    const { place, programs } = this.#parts;
    mkdirSync(this.#temporary, { recursive: true, mode: 0o700 });
    const gate = await this.#openGate(SERVER, place.serverPort);
    place.remember(gate.port);
    const databasePath = join(place.directory, "naming.db");
    const command = [process.execPath, ...this.#nodeOptions, programs.namingServer];
    const run = (args: readonly string[]) =>
      this.#run(SERVER, [...command, ...args], { env: this.#environment(SERVER), directory: place.directory });
    return new NamingServer({ gate, databasePath, run, onDeath: this.#onDeath(SERVER) });
  }

  /** @param server  URL of the naming server */
  async makeRelay(name: string, server: string): Promise<Relay> {
    const gate = await this.#openGate(name);
    const directory = join(this.#parts.place.directory, name);
    return new Relay({ person: this.#person(name, server), gate, directory, server, onDeath: this.#onDeath(name) });
  }

  /** @param server  URL of the naming server */
  async makePeer(name: string, server: string): Promise<Peer> {
    const { options, connect, place } = this.#parts;
    const { listenOptions = [], onEvent } = options;
    return new Peer({
      ...{ person: this.#person(name, server), gate: await this.#openGate(name), listenOptions },
      connect: (profile: string) => connect({ home: place.directory, profile }),
      onLine: onEvent && ((line: Line) => onEvent(name, line)),
      onDeath: this.#onDeath(name),
    });
  }

  /** Every connection is looked at again. */
  review(): void {
    for (const gate of this.#gates) gate.review();
  }

  /** Ends every process that still runs, and closes the gates; nothing is made or started from then on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const ends = [...this.#programs].map((program) => program.kill9());
    await Promise.allSettled([...ends, ...this.#gates.map((gate) => gate[Symbol.asyncDispose]())]);
  }

  async #openGate(owner: string, port?: number): Promise<Gate> {
    const { links, runtime } = this.#parts;
    const gate = await Gate.open({ owner, links, callers: this.#callers, runtime }, port);
    this.#gates.push(gate);
    if (this.#isClosed) await gate[Symbol.asyncDispose]();
    this.#assertOpen();
    return gate;
  }

  #person(name: string, server: string): Person {
    const { place, programs } = this.#parts;
    const start = (command: readonly string[], options: StartOptions) => this.#run(name, command, options);
    const surroundings = { directory: place.directory, env: this.#environment(name), server: () => server };
    return new Person({ name, program: programs.p2pchat, nodeOptions: this.#nodeOptions, ...surroundings, start });
  }

  #run(name: string, command: readonly string[], options: StartOptions): Program {
    this.#assertOpen();
    const onMessage = (message: unknown) => this.#callers.hear(name, message);
    const program = new Program(command, { ...options, onMessage });
    this.#programs.add(program);
    void program.exited.finally(() => this.#programs.delete(program)).catch(() => undefined);
    return program;
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new ChatError("USAGE", "the sandbox is over");
  }

  get #nodeOptions(): readonly string[] {
    return ["--import", this.#parts.programs.attendant];
  }

  #environment(name: string): Record<string, string> {
    const { options, place, hasRelays } = this.#parts;
    const household = { directory: place.directory, temporary: this.#temporary, name, hasRelays };
    return { ...environmentOf(household, process.env), ...options.env };
  }

  get #temporary(): string {
    return join(this.#parts.place.directory, "tmp");
  }

  #onDeath(name: string): (death: Death) => void {
    return (death) => this.#parts.options.onDeath?.(name, death);
  }
}
