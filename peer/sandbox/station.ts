import { type ChildProcess, spawn } from "node:child_process";
import { ChatError } from "../../shared/errors.ts";
import type { Outcome, Program } from "./program.ts";

export type StationState = "running" | "frozen" | "stopped";

/** Its end, which nobody asked for. */
export type Death = Pick<Outcome, "code" | "signal" | "stderr">;

const STOP_PATIENCE_MS = 10_000;

/** A process of the sandbox that can be started and ended again and again. */
export abstract class Station {
  readonly name: string;
  readonly #onDeath: (death: Death) => void;
  #program: Program | undefined;
  #thawer: ChildProcess | undefined;

  constructor(name: string, onDeath: (death: Death) => void) {
    this.name = name;
    this.#onDeath = onDeath;
  }

  /** Starts the process; resolves once it serves. */
  protected abstract launch(): Promise<Program>;

  get state(): StationState {
    if (this.#program === undefined) return "stopped";
    return this.#thawer === undefined ? "running" : "frozen";
  }

  /** Of its process. */
  get pid(): number | undefined {
    return this.#program?.pid;
  }

  /** The process that runs. @throws ChatError USAGE where none does */
  get program(): Program {
    if (this.#program === undefined) throw new ChatError("USAGE", `${this.name} does not run`);
    return this.#program;
  }

  /** @throws ChatError USAGE where it runs already */
  async start(): Promise<void> {
    if (this.#program !== undefined) throw new ChatError("USAGE", `${this.name} runs already`);
    const program = await this.launch();
    this.#program = program;
    const onExit = (outcome: Outcome) => {
      if (this.#program !== program) return;
      this.#forget();
      this.#onDeath(outcome);
    };
    program.exited.then(onExit, () => undefined);
  }

  /** Asks it to end, as a service manager would. A frozen one thaws for it. */
  stop(): Promise<Outcome> {
    return this.#end("SIGTERM");
  }

  /** Ends it as a power failure would, frozen or not. */
  kill(): Promise<Outcome> {
    return this.#end("SIGKILL");
  }

  /** Stops its time: whoever talks to it waits. */
  freeze(): void {
    const { pid } = this.program;
    if (this.#thawer !== undefined) throw new ChatError("USAGE", `${this.name} is frozen already`);
    this.#thawer = thawLater(pid);
    process.kill(pid, "SIGSTOP");
  }

  thaw(): void {
    const { pid } = this.program;
    if (this.#thawer === undefined) throw new ChatError("USAGE", `${this.name} is not frozen`);
    this.#endThawer();
    process.kill(pid, "SIGCONT");
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<Outcome> {
    const { program } = this;
    if (signal === "SIGTERM" && this.#thawer !== undefined) this.thaw();
    this.#forget();
    program.signal(signal);
    return await program.outcome(STOP_PATIENCE_MS);
  }

  #forget(): void {
    this.#program = undefined;
    this.#endThawer();
  }

  #endThawer(): void {
    this.#thawer?.kill("SIGKILL");
    this.#thawer = undefined;
  }
}

/** A frozen process cannot notice that the sandbox is gone: this one does, wakes it, and it ends by itself. */
function thawLater(pid: number): ChildProcess {
  const script = `read -r _; kill -s CONT ${pid}`;
  return spawn("/bin/sh", ["-c", script], { stdio: ["pipe", "ignore", "ignore"], detached: true });
}
