import type { Runtime } from "../messaging/runtime.ts";

/** The word of an attendant comes after the connection itself, but not by much. */
const PATIENCE_MS = 500;
/** Ports are used again: an older word may be about another connection. */
const FRESH_MS = 10_000;

export type Ports = { readonly localPort: number; readonly remotePort: number };

/** Who is at the other end of a connection, by what the attendants of all processes tell. */
export class Callers {
  readonly #runtime: Pick<Runtime, "after" | "monotonic">;
  readonly #heard = new Map<string, { readonly name: string; readonly atMs: number }>();
  readonly #waiting = new Map<string, (name: string) => void>();

  constructor(runtime: Pick<Runtime, "after" | "monotonic">) {
    this.#runtime = runtime;
  }

  hear(name: string, message: unknown): void {
    if (!isPorts(message)) return;
    const [key, nowMs] = [keyOf(message), this.#runtime.monotonic()];
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) {
      waiting(name);
      return;
    }
    for (const [other, { atMs }] of this.#heard) if (nowMs - atMs > FRESH_MS) this.#heard.delete(other);
    this.#heard.set(key, { name, atMs: nowMs });
  }

  /** Undefined for somebody who is none of the sandbox's processes. */
  find(ports: Ports): Promise<string | undefined> {
    const key = keyOf(ports);
    const heard = this.#heard.get(key);
    this.#heard.delete(key);
    if (heard !== undefined && this.#runtime.monotonic() - heard.atMs <= FRESH_MS) return Promise.resolve(heard.name);
    return new Promise((resolve) => {
      const answer = (name?: string) => {
        cancel();
        this.#waiting.delete(key);
        resolve(name);
      };
      const cancel = this.#runtime.after(PATIENCE_MS, answer);
      this.#waiting.set(key, answer);
    });
  }
}

function keyOf({ localPort, remotePort }: Ports): string {
  return `${localPort} ${remotePort}`;
}

function isPorts(message: unknown): message is Ports {
  return typeof message === "object" && message !== null && "localPort" in message && "remotePort" in message;
}
