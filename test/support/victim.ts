import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A device in another process: `network-victim.ts`. */
export class Victim {
  readonly address: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(address: string, child: ChildProcess, lines: AsyncIterator<string>) {
    this.address = address;
    this.#child = child;
    this.#lines = lines;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async memoryBytes(): Promise<number> {
    this.#child.stdin?.write("\n");
    return Number((await this.#lines.next()).value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isAlive) return;
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await exited;
  }
}

export async function startVictim(...options: string[]): Promise<Victim> {
  const path = fileURLToPath(new URL("./network-victim.ts", import.meta.url));
  const child = spawn(process.execPath, [path, ...options], { stdio: ["pipe", "pipe", "inherit"] });
  const output: Interface = createInterface({ input: child.stdout });
  const lines = output[Symbol.asyncIterator]();
  const { value: address, done } = await lines.next();
  if (done) throw new Error("the victim did not start");
  return new Victim(address, child, lines);
}
