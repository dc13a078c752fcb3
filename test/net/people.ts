import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Operations } from "../../peer/messaging/operations.ts";
import { callsOf } from "../support/daemon-calls.ts";
import { PROGRAMS } from "../support/programs.ts";
import type { Host, Internet } from "./internet.ts";
import type { Spoken } from "./namespace.ts";

/*
 * The programs themselves on machines of such an internet: a naming server, a relay, people.
 */

export const SERVER_PORT = 8080;
export const RELAY_PORT = 9443;
const PEER_PORT = 4001;

export type Sent = {
  readonly state: string;
  /** Of the first device that has it, or whose mailbox has. */
  readonly path: string | undefined;
  readonly ms: number;
};

/** A naming server, a relay and whoever is added, on disk in one directory. */
export class Town implements Disposable {
  readonly #internet: Internet;
  readonly #directory = mkdtempSync(join(tmpdir(), "p2pchat-net-"));
  #server = "";
  #relay = "";

  constructor(internet: Internet) {
    this.#internet = internet;
  }

  async startServer(version: 4 | 6 = 4): Promise<void> {
    const host = await this.#internet.addHost(version);
    const url = `http://${version === 6 ? `[${host.address}]` : host.address}:${SERVER_PORT}`;
    const listen = ["--host", host.address, "--port", String(SERVER_PORT), "--public-url", url];
    const database = ["--database-url", `sqlite:${join(this.#directory, "naming.db")}`];
    await this.#startProgram(host, [PROGRAMS.namingServer, ...listen, ...database], {});
    this.#server = url;
  }

  async startRelay(version: 4 | 6 = 4): Promise<void> {
    const host = await this.#internet.addHost(version);
    const place = ["--dir", join(this.#directory, "relay"), "--port", String(RELAY_PORT), "--host", host.address];
    const { line } = await this.#startProgram(host, [PROGRAMS.p2pchat, "relay", "--json", ...place], {});
    const { peerId } = JSON.parse(line) as { peerId: string };
    this.#relay = `/ip${version}/${host.address}/tcp/${RELAY_PORT}/p2p/${peerId}`;
  }

  /** Registers somebody and starts their `listen`. */
  async addPerson(name: string, host: Host): Promise<Person> {
    const environment = {
      P2PCHAT_HOME: join(this.#directory, name),
      P2PCHAT_PROFILE: name,
      P2PCHAT_ALLOW_HTTP: "1",
      P2PCHAT_RELAYS: this.#relay === "" ? "none" : this.#relay,
    };
    const person = new Person(name, host, environment);
    await person.run(["register", name, "--server", this.#server, "--no-passphrase"]);
    await this.listen(person);
    return person;
  }

  /** Starts somebody's `listen`, which ends when it is started again. */
  async listen(person: Person, { port = PEER_PORT, args = [] }: { port?: number; args?: readonly string[] } = {}) {
    const command = [PROGRAMS.p2pchat, "listen", "--json", "--port", String(port), ...args];
    await person.stopListening();
    const hear = (line: string) => person.hear(line);
    const started = await this.#startProgram(person.host, command, person.environment, hear);
    person.listening = started.program;
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Resolves with the first line that it prints. */
  async #startProgram(
    host: Host,
    args: readonly string[],
    environment: Environment,
    hear: (line: string) => void = () => undefined,
  ): Promise<Started> {
    const program = host.start([...environed(environment), process.execPath, ...args]);
    // what it prints later is read too, or it would wait for that
    const lines = createInterface({ input: program.stdout });
    lines.on("line", hear);
    return new Promise((resolve, reject) => {
      lines.once("line", (line) => resolve({ line, program }));
      lines.once("close", () => reject(new Error(`${args[0]} ended`)));
    });
  }
}

type Started = { readonly line: string; readonly program: Spoken };

/** What `listen` prints. */
export type Heard = {
  readonly type: string;
  readonly peerId?: string;
  readonly from?: string;
  readonly text?: string;
  readonly path?: string;
};

export class Person {
  readonly name: string;
  readonly host: Host;
  readonly environment: Environment;
  listening: Spoken | undefined;
  /** All that it printed, over all its lives. */
  readonly heard: Heard[] = [];
  #changed = Promise.withResolvers<void>();

  constructor(name: string, host: Host, environment: Environment) {
    this.name = name;
    this.host = host;
    this.environment = environment;
  }

  hear(line: string): void {
    this.heard.push(JSON.parse(line) as Heard);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Resolves once that holds, looked at whenever something is heard; false if it does not in that time. */
  async until(holds: () => boolean, timeoutMs: number): Promise<boolean> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, timeoutMs);
    const endsAtMs = performance.now() + timeoutMs;
    while (!holds() && performance.now() < endsAtMs) await Promise.race([this.#changed.promise, late.promise]);
    clearTimeout(timer);
    return holds();
  }

  /** To its `listen`: a command for each call would take its time. */
  connect(): Promise<Operations> {
    const seen = this.heard.filter(({ type }) => type === "ready");
    const profile = join(this.environment["P2PCHAT_HOME"] ?? "", this.name);
    return callsOf({ name: this.name, profile }, { seen });
  }

  async stopListening(): Promise<void> {
    const { listening } = this;
    if (listening === undefined) return;
    const ended = new Promise((resolve) => void listening.once("exit", resolve));
    listening.kill("SIGTERM");
    await ended;
    this.listening = undefined;
  }

  /** Runs a command to its end, and reads the last line that it prints. */
  async run(args: readonly string[]): Promise<Record<string, unknown>> {
    const command = [...environed(this.environment), process.execPath, PROGRAMS.p2pchat, "--json", ...args];
    const { stdin, stdout } = this.host.start(command);
    stdin.end();
    let last = "{}";
    for await (const line of createInterface({ input: stdout })) last = line;
    const answer = JSON.parse(last) as Record<string, unknown>;
    if (answer["type"] === "error") throw new Error(`${args[0]}: ${last}`);
    return answer;
  }

  /** Sends a message and waits until it is stored over there, or relayed. */
  async send(to: string, text: string, wait: "stored" | "relayed" = "stored"): Promise<Sent> {
    const startedAtMs = performance.now();
    const answer = await this.run(["send", to, text, "--wait", wait, "--timeout", "20s"]);
    const { state, devices = [] } = answer as { state: string; devices?: { state: string; path?: string }[] };
    const there = devices.find((device) => device.state === wait);
    return { state, path: there?.path, ms: Math.round(performance.now() - startedAtMs) };
  }
}

type Environment = Readonly<Record<string, string>>;

function environed(environment: Environment): string[] {
  const set = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  return ["env", "-u", "XDG_RUNTIME_DIR", `NODE_COMPILE_CACHE=${PROGRAMS.codeCache}`, ...set];
}
