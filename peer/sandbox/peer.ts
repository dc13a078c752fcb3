import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Chat } from "../sdk/chat.ts";
import type { Gate } from "./gate.ts";
import { behind, launchBehind } from "./launch.ts";
import type { Answer, Person, RunOptions } from "./person.ts";
import type { Line, Outcome, Program } from "./program.ts";
import { type Death, Station } from "./station.ts";

export type PeerParts = {
  readonly person: Person;
  readonly gate: Gate;
  /** More options of `p2pchat listen`. */
  readonly listenOptions: readonly string[];
  /** Talks to a daemon. */
  readonly connect: (profile: string) => Promise<Chat>;
  /** Where what it prints goes from its start on; else it is kept for `next`. */
  readonly onLine: ((line: Line) => void) | undefined;
  readonly onDeath: (death: Death) => void;
};

/** Somebody of a sandbox: a profile, its `p2pchat listen`, and all that its owner could type. */
export class Peer extends Station {
  readonly #parts: PeerParts;
  #peerId = "";

  constructor(parts: PeerParts) {
    super(parts.person.name, parts.onDeath);
    this.#parts = parts;
  }

  /** The directory of its profile. */
  get profile(): string {
    return this.#parts.person.profile;
  }

  /** Where others reach it, as a multiaddr; it stays through all its lives. */
  get address(): string {
    return `/ip4/127.0.0.1/tcp/${this.#parts.gate.port}/p2p/${this.#peerId}`;
  }

  /** What makes `p2pchat` in another process the p2pchat of this peer. */
  environment(): Record<string, string> {
    return this.#parts.person.environment();
  }

  /** Runs `p2pchat` with these arguments to its end. */
  run(args: readonly string[], options?: RunOptions): Promise<Outcome> {
    return this.#parts.person.run(args, options);
  }

  /** Runs it with `--json`, for a command that prints one line. */
  ask(args: readonly string[], options?: RunOptions): Promise<Answer> {
    return this.#parts.person.ask(args, options);
  }

  /** `p2pchat send`, the text through standard input. */
  send(to: string, text: string, ...options: readonly string[]): Promise<Answer> {
    return this.#parts.person.send(to, text, ...options);
  }

  /** Talks to its `p2pchat listen`, as `connect` of the library does. */
  connect(): Promise<Chat> {
    return this.#parts.connect(this.name);
  }

  /** The next line that its `p2pchat listen` has printed, or prints, and that fits. */
  next(fits: (line: Line) => boolean, timeoutMs?: number): Promise<Line> {
    return this.program.next(fits, timeoutMs);
  }

  nextMessage(text: string, timeoutMs?: number): Promise<Line> {
    return this.program.nextMessage(text, timeoutMs);
  }

  /** Claims the name, unless that was done in an earlier life of the directory. */
  async register(): Promise<void> {
    if (!existsSync(join(this.profile, "profile.json"))) await this.#parts.person.register("--no-passphrase");
  }

  protected override async launch(): Promise<Program> {
    const { person, gate, listenOptions, onLine } = this.#parts;
    const start = (port: number) => person.start(["listen", "--json", ...listenOptions, ...behind(gate, port)]);
    const program = await launchBehind(gate, { type: "ready", start });
    this.#peerId = String(program.seen[0]?.["peerId"]);
    if (onLine !== undefined) program.follow(onLine);
    return program;
  }
}
