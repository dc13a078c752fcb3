import { ChatError } from "../../../shared/errors.ts";
import type { Runtime } from "../runtime.ts";
import type { ApiToken } from "../store/tokens.ts";
import { RateLimit } from "./rate.ts";

/** `isOver`: requests are being refused, and that was noted. */
type Pace = { readonly limit: RateLimit; isOver: boolean };

/** So that no holder takes the room of others. */
const MAX_CONNECTIONS = 8;

/** What this process knows of tokens in use: their pace, over all connections, and the connections that they opened. */
export class TokenUses {
  readonly #runtime: Runtime;
  readonly #paces = new Map<string, Pace>();
  readonly #connections = new Map<string, Set<AbortController>>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  paceOf({ id, rate }: ApiToken): Pace {
    const known = this.#paces.get(id);
    if (known !== undefined) return known;
    const pace = { limit: new RateLimit(rate, () => this.#runtime.monotonic()), isOver: false };
    this.#paces.set(id, pace);
    return pace;
  }

  /** @throws ChatError QUOTA (reason `connections`) */
  assertRoomFor({ id }: Pick<ApiToken, "id">): void {
    if ((this.#connections.get(id)?.size ?? 0) < MAX_CONNECTIONS) return;
    const limit = `a token has at most ${MAX_CONNECTIONS} connections at a time`;
    throw new ChatError("QUOTA", limit, { reason: "connections" });
  }

  /** The signal aborts once the token is revoked or has expired. */
  open({ id, expiresAtMs }: ApiToken): { readonly ended: AbortSignal; close(): void } {
    const ending = new AbortController();
    const connections = this.#connections.get(id) ?? new Set();
    this.#connections.set(id, connections.add(ending));
    const disarm = this.#endAt(expiresAtMs, ending);
    const close = () => {
      disarm();
      connections.delete(ending);
    };
    return { ended: ending.signal, close };
  }

  end(id: string): void {
    for (const ending of this.#connections.get(id) ?? []) ending.abort();
    this.#connections.delete(id);
    this.#paces.delete(id);
  }

  /** A timer counts to a few weeks only, and the clock may be set meanwhile. */
  #endAt(expiresAtMs: number | undefined, ending: AbortController): () => void {
    if (expiresAtMs === undefined) return () => undefined;
    const { now, after } = this.#runtime;
    let cancel: () => void = () => undefined;
    const arm = () => {
      if (now() >= expiresAtMs) ending.abort();
      else cancel = after(expiresAtMs - now(), arm);
    };
    arm();
    return () => cancel();
  }
}
