import type { Gate } from "./gate.ts";
import { lead, orEnd } from "./launch.ts";
import type { Program } from "./program.ts";
import { type Death, Station } from "./station.ts";

const READY = /^naming server listening on http:\/\/127\.0\.0\.1:(\d+)$/m;
/** Everybody comes from one address here. */
const RATE_LIMIT_FACTOR = "1000000";

type Parts = {
  readonly gate: Gate;
  /** The file of its SQLite. */
  readonly databasePath: string;
  /** Starts the program with these arguments. */
  readonly run: (args: readonly string[]) => Program;
  readonly onDeath: (death: Death) => void;
  /** How long its start may take. */
  readonly timeoutMs?: number;
};

/** `p2pchat-naming-server`, under one URL through all its lives. */
export class NamingServer extends Station {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    super("server", parts.onDeath);
    this.#parts = parts;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#parts.gate.port}`;
  }

  protected override async launch(): Promise<Program> {
    const { gate, databasePath, run, timeoutMs } = this.#parts;
    const place = ["--host", "127.0.0.1", "--port", "0", "--public-url", this.url];
    const rest = ["--database-url", `sqlite:${databasePath}`, "--rate-limit-factor", RATE_LIMIT_FACTOR];
    const program = run([...place, ...rest, "--log-level", "error"]);
    await orEnd(
      program,
      program.until(() => READY.test(program.stdout), timeoutMs),
    );
    lead(gate, Number(READY.exec(program.stdout)?.[1]), program);
    return program;
  }
}
