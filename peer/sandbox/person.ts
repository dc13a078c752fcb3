import { join } from "node:path";
import { ChatError } from "../../shared/errors.ts";
import type { Line, Outcome, Program, StartOptions } from "./program.ts";

export type RunOptions = {
  readonly stdin?: StartOptions["stdin"];
  readonly env?: Readonly<Record<string, string>>;
  /** A command that starts it in turn (strace, unshare, sh). */
  readonly wrapper?: readonly string[];
  /** Another build of it than the usual one: a file that Node runs. */
  readonly program?: string;
  readonly timeoutMs?: number;
};

/** `exit` is the exit code, `line` what it printed with `--json`. */
export type Answer = { readonly exit: number | null; readonly line: Line; readonly stderr: string };

export type PersonOptions = {
  readonly name: string;
  /** URL of the naming server, once it is needed. */
  readonly server: () => string;
  /** The file of `p2pchat` that Node runs. */
  readonly program: string;
  /** Options of Node's own. */
  readonly nodeOptions?: readonly string[];
  /** The whole environment of this person's commands. */
  readonly env: Readonly<Record<string, string>>;
  /** Where they are started. */
  readonly directory: string;
  readonly start: (command: readonly string[], options: StartOptions) => Program;
};

/** A person at a terminal of their own: the profile has their name. */
export class Person {
  readonly name: string;
  readonly #options: PersonOptions;

  constructor(options: PersonOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** The directory of the profile. */
  get profile(): string {
    const { P2PCHAT_HOME = "", P2PCHAT_PROFILE = this.name } = this.#options.env;
    return join(P2PCHAT_HOME, P2PCHAT_PROFILE);
  }

  /** What makes `p2pchat` in a shell the p2pchat of this person. */
  environment(): Record<string, string> {
    return { ...this.#options.env };
  }

  /** Starts `p2pchat` with these arguments. */
  start(args: readonly string[], options: RunOptions = {}): Program {
    const { stdin = "", env = {}, wrapper = [], program = this.#options.program } = options;
    const { directory, start, nodeOptions = [] } = this.#options;
    const command = [...wrapper, process.execPath, ...nodeOptions, program, ...args];
    return start(command, { stdin, directory, env: { ...this.environment(), ...env } });
  }

  /** Runs `p2pchat` to its end. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return this.start(args, options).outcome(options.timeoutMs);
  }

  /** Runs it with `--json`, for a command that prints one line. */
  async ask(args: readonly string[], options: RunOptions = {}): Promise<Answer> {
    const { code: exit, lines, stdout, stderr } = await this.run(["--json", ...args], options);
    const [line] = lines;
    if (line === undefined || lines.length !== 1) throw new ChatError("INTERNAL", `not one line: ${stdout}\n${stderr}`);
    return { exit, line, stderr };
  }

  /** `p2pchat send`, the text through standard input. */
  send(to: string, text: string, ...options: readonly string[]): Promise<Answer> {
    return this.ask(["send", to, ...options], { stdin: text });
  }

  /** `p2pchat register` under this name. @throws ChatError INTERNAL where that fails */
  async register(...options: readonly string[]): Promise<void> {
    const command = ["register", this.name, "--server", this.#options.server(), ...options];
    const { code, stdout, stderr } = await this.run(command);
    if (code !== 0) throw new ChatError("INTERNAL", `${this.name} cannot register: ${stdout}${stderr}`);
  }

  /** `p2pchat listen --json`, once it can be reached. */
  async listen(args: readonly string[] = [], options: RunOptions = {}): Promise<Program> {
    const program = this.start(["listen", "--json", ...args], options);
    await program.next(({ type }) => type === "ready");
    return program;
  }
}
