import type { Gate } from "./gate.ts";
import { behind, launchBehind } from "./launch.ts";
import type { Person } from "./person.ts";
import type { Program } from "./program.ts";
import { type Death, Station } from "./station.ts";

/** Everybody comes from one address here. */
const LIMITS = {
  depositsPerSecond: 100_000,
  otherRequestsPerSecond: 100_000,
  newBoxesPerHour: 100_000,
  connectionsPerNetwork: 10_000,
  reservationsPerNetwork: 10_000,
};
const LISTED = '"listed"';

type Parts = {
  readonly person: Person;
  readonly gate: Gate;
  readonly server: string;
  readonly directory: string;
  readonly onDeath: (death: Death) => void;
};

/** `p2pchat relay`, listed by the sandbox's naming server. */
export class Relay extends Station {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    super(parts.person.name, parts.onDeath);
    this.#parts = parts;
  }

  /** Where its key and its mailbox live. */
  get directory(): string {
    return this.#parts.directory;
  }

  /** Resolves once people find it on the list. */
  async listed(): Promise<void> {
    const { program } = this;
    await program.until(() => program.stderr.includes(LISTED));
  }

  protected override async launch(): Promise<Program> {
    const { person, gate, server, directory } = this.#parts;
    const limits = Object.entries(LIMITS).map(([name, value]) => `${name}=${value}`);
    const place = ["--dir", directory, "--server", server, "--limits", limits.join(",")];
    const start = (port: number) => person.start(["relay", "--json", "--verbose", ...place, ...behind(gate, port)]);
    const program = await launchBehind(gate, { type: "relay", start });
    // Its log can be long; nothing of it is needed later.
    program.follow(() => undefined);
    return program;
  }
}
