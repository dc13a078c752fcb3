import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Host, Internet } from "./internet.ts";
import type { Spoken } from "./namespace.ts";

/*
 * The programs themselves on machines of such an internet: a naming server, a relay, people.
 */

const P2PCHAT = fileURLToPath(new URL("../../peer/main.ts", import.meta.url));
const NAMING_SERVER = fileURLToPath(new URL("../../naming-server/main.ts", import.meta.url));
const SERVER_PORT = 8080;
const RELAY_PORT = 9443;
const PEER_PORT = 4001;

export type Sent = {
  readonly state: string;
  /** Of the first device that has it. */
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
    await this.#startProgram(host, [NAMING_SERVER, ...listen, ...database], {});
    this.#server = url;
  }

  async startRelay(): Promise<void> {
    const host = await this.#internet.addHost();
    const place = ["--dir", join(this.#directory, "relay"), "--port", String(RELAY_PORT), "--host", host.address];
    const { line } = await this.#startProgram(host, [P2PCHAT, "relay", "--json", ...place], {});
    const { peerId } = JSON.parse(line) as { peerId: string };
    this.#relay = `/ip4/${host.address}/tcp/${RELAY_PORT}/p2p/${peerId}`;
  }

  /** Registers somebody and starts their `listen`. */
  async addPerson(name: string, host: Host): Promise<Person> {
    const environment = {
      P2PCHAT_HOME: join(this.#directory, name),
      P2PCHAT_PROFILE: name,
      P2PCHAT_ALLOW_HTTP: "1",
      P2PCHAT_RELAYS: this.#relay === "" ? "none" : this.#relay,
    };
    const person = new Person(host, environment);
    await person.run(["register", name, "--server", this.#server, "--no-passphrase"]);
    await this.listen(person);
    return person;
  }

  /** Starts somebody's `listen`, which ends when it is started again. */
  async listen(person: Person, { port = PEER_PORT, args = [] }: { port?: number; args?: readonly string[] } = {}) {
    const command = [P2PCHAT, "listen", "--json", "--port", String(port), ...args];
    await person.stopListening();
    const started = await this.#startProgram(person.host, command, person.environment);
    person.listening = started.program;
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Resolves with the first line that it prints. */
  async #startProgram(host: Host, args: readonly string[], environment: Environment): Promise<Started> {
    const program = host.start([...environed(environment), process.execPath, ...args]);
    // what it prints later is read too, or it would wait for that
    const lines = createInterface({ input: program.stdout });
    return new Promise((resolve, reject) => {
      lines.once("line", (line) => resolve({ line, program }));
      lines.once("close", () => reject(new Error(`${args[0]} ended`)));
    });
  }
}

type Started = { readonly line: string; readonly program: Spoken };

export class Person {
  readonly host: Host;
  readonly environment: Environment;
  listening: Spoken | undefined;

  constructor(host: Host, environment: Environment) {
    this.host = host;
    this.environment = environment;
  }

  async stopListening(): Promise<void> {
    const { listening } = this;
    if (listening === undefined) return;
    const ended = new Promise((resolve) => void listening.once("exit", resolve));
    listening.kill("SIGTERM");
    await ended;
  }

  /** Runs a command to its end, and reads the last line that it prints. */
  async run(args: readonly string[]): Promise<Record<string, unknown>> {
    const command = [...environed(this.environment), process.execPath, P2PCHAT, "--json", ...args];
    const { stdin, stdout } = this.host.start(command);
    stdin.end();
    let last = "{}";
    for await (const line of createInterface({ input: stdout })) last = line;
    const answer = JSON.parse(last) as Record<string, unknown>;
    if (answer["type"] === "error") throw new Error(`${args[0]}: ${last}`);
    return answer;
  }

  /** Sends a message and waits until it is stored over there. */
  async send(to: string, text: string): Promise<Sent> {
    const startedAtMs = performance.now();
    const answer = await this.run(["send", to, text, "--wait", "stored", "--timeout", "20s"]);
    const { state, devices = [] } = answer as { state: string; devices?: { state: string; path?: string }[] };
    const stored = devices.find((device) => device.state === "stored");
    return { state, path: stored?.path, ms: Math.round(performance.now() - startedAtMs) };
  }
}

type Environment = Readonly<Record<string, string>>;

function environed(environment: Environment): string[] {
  const set = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  return ["env", "-u", "XDG_RUNTIME_DIR", ...set];
}
