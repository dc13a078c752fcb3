import { asChatError, ChatError, type ErrorCode } from "../../../shared/errors.ts";
import { readAddressee } from "../addressee.ts";
import type { TokenLogEntry } from "../operations/tokens.ts";
import type { Runtime } from "../runtime.ts";
import type { ApiToken } from "../store/tokens.ts";
import type { Store } from "../store.ts";
import { permits, type Right } from "./capability.ts";
import type { TokenUses } from "./token-uses.ts";

type GuardDeps = {
  readonly store: Store;
  readonly runtime: Runtime;
  readonly tokens: TokenUses;
  readonly server: string;
};

const METHOD = /^[A-Za-z]{1,32}$/;

/** `person`: as the holder typed it. */
export type Wish = { readonly method: string; readonly right: Right; readonly person?: string };

/** Stands between the holder of a token and the profile, at every request: is it still good, how often, may it. */
export class TokenGuard {
  readonly #deps: GuardDeps;
  readonly #token: ApiToken;

  constructor(deps: GuardDeps, token: ApiToken) {
    this.#deps = deps;
    this.#token = token;
  }

  get id(): string {
    return this.#token.id;
  }

  /** Coming in counts as a request too. @throws ChatError RATE_LIMITED, TOKEN_INVALID, QUOTA (reason `connections`) */
  enter(): void {
    this.#count("authenticate");
    this.#noted("authenticate", () => this.#deps.tokens.assertRoomFor(this.#token));
    this.#note("authenticate", "ok");
  }

  /**
   * Does what the token allows; what comes of it is noted.
   *
   * @param run  is told the person's canonical name
   * @throws ChatError FORBIDDEN, RATE_LIMITED, TOKEN_INVALID, USERNAME_INVALID and what `run` throws
   */
  async request<T>({ method, right, person }: Wish, run: (person: string) => T | Promise<T>): Promise<T> {
    this.#count(method);
    const name = person && this.#noted(method, () => readAddressee(person, this.#deps.server));
    if (!this.may(right, name)) this.#refuse(method, name);
    const place = this.#note(method, "begun", name);
    try {
      const result = await run(name ?? "");
      this.#settle(place, "ok");
      return result;
    } catch (error) {
      this.#settle(place, asChatError(error).code);
      throw error;
    }
  }

  /** The same for what goes on: its beginning is noted. */
  begin(method: string, right: Right): void {
    this.#count(method);
    if (!this.may(right)) this.#refuse(method);
    this.#note(method, "ok");
  }

  /** @throws ChatError FORBIDDEN, RATE_LIMITED, TOKEN_INVALID */
  forbid(method: string): never {
    this.#count(method);
    return this.#refuse(method);
  }

  /** @throws ChatError RATE_LIMITED, TOKEN_INVALID */
  misunderstood(method: unknown, code: ErrorCode): void {
    // What a holder makes up neither fills the log nor acts on a terminal.
    const name = typeof method === "string" && METHOD.test(method) ? method : "unknown";
    this.#count(name);
    this.#note(name, code);
  }

  may(right: Right, person?: string): boolean {
    return permits(this.#token.can, right, person);
  }

  /** Asks the store, whatever this connection was told. @throws ChatError TOKEN_INVALID */
  assertGood(): void {
    const { store, runtime } = this.#deps;
    const token = store.tokens.find(this.id);
    if (token === undefined || isExpired(token, runtime)) throw invalidToken();
  }

  /** Does what may fail before anything was begun. */
  #noted<T>(method: string, run: () => T): T {
    try {
      return run();
    } catch (error) {
      this.#note(method, asChatError(error).code);
      throw error;
    }
  }

  /** Being refused for it is noted once, until a request gets through again. */
  #count(method: string): void {
    this.assertGood();
    const pace = this.#deps.tokens.paceOf(this.#token);
    const retryAfterMs = pace.limit.take();
    if (retryAfterMs > 0 && !pace.isOver) this.#note(method, "RATE_LIMITED");
    pace.isOver = retryAfterMs > 0;
    if (pace.isOver) throw new ChatError("RATE_LIMITED", "this token's rate is used up", { details: { retryAfterMs } });
  }

  #refuse(method: string, person?: string): never {
    this.#note(method, "FORBIDDEN", person);
    throw new ChatError(
      "FORBIDDEN",
      `this token does not allow ${method}${person === undefined ? "" : ` for ${person}`}`,
    );
  }

  #note(method: string, outcome: TokenLogEntry["outcome"], person?: string): number {
    const { store, runtime } = this.#deps;
    const { id, name } = this.#token;
    const use = { token: { id, name }, atMs: runtime.now(), method, outcome, ...(person !== undefined && { person }) };
    return store.mark(() => store.tokens.note(use));
  }

  #settle(place: number, outcome: TokenLogEntry["outcome"]): void {
    const { store } = this.#deps;
    store.mark(() => store.tokens.settle(place, outcome));
  }
}

export function isExpired({ expiresAtMs }: ApiToken, { now }: Runtime): boolean {
  return expiresAtMs !== undefined && expiresAtMs <= now();
}

/** The same words for a wrong token, one that expired and one that was revoked. */
export function invalidToken(): ChatError {
  return new ChatError("TOKEN_INVALID", "this token is wrong, expired or revoked");
}
