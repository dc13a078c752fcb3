import { timingSafeEqual } from "node:crypto";
import { utf8 } from "../../../shared/bytes.ts";
import { ChatError } from "../../../shared/errors.ts";
import { sha256 } from "../../../shared/hash.ts";
import type { Feed } from "../operations/feed.ts";
import type { Access, Entry } from "../operations/tokens.ts";
import type { Operations } from "../operations.ts";
import type { Runtime } from "../runtime.ts";
import type { ApiToken } from "../store/tokens.ts";
import type { Store } from "../store.ts";
import { narrowFeed, narrowOperations } from "./narrowed.ts";
import { type Rate, RateLimit } from "./rate.ts";
import { invalidToken, isExpired, TokenGuard } from "./token-guard.ts";
import { viewToken } from "./token-operations.ts";
import type { TokenUses } from "./token-uses.ts";

/** Wrong tokens that are noted; guessing is hopeless anyway, and a flood of it must not fill the disk. */
const WRONG_TOKENS: Rate = { requests: 10, per: "m" };

type AccessDeps = {
  readonly store: Store;
  readonly runtime: Runtime;
  readonly tokens: TokenUses;
  /** What the owner may do. */
  readonly operations: Operations;
  readonly feed: Feed;
  readonly server: string;
};

/** Lets the holders of tokens in. A right token is never kept out by somebody else's wrong ones. */
export function createAccess(deps: AccessDeps): Access {
  const { store, runtime } = deps;
  const wrong = new RateLimit(WRONG_TOKENS, () => runtime.monotonic());
  return {
    authenticate(text) {
      const token = findToken(store, text);
      if (token !== undefined && !isExpired(token, runtime)) return enter(deps, token);
      const retryAfterMs = wrong.take();
      if (retryAfterMs > 0) throw new ChatError("RATE_LIMITED", "too many wrong tokens", { details: { retryAfterMs } });
      const facts = token && { token: { id: token.id, name: token.name } };
      const use = { atMs: runtime.now(), method: "authenticate", outcome: "TOKEN_INVALID", ...facts } as const;
      store.mark(() => store.tokens.note(use));
      throw invalidToken();
    },
  };
}

/** Compares with every token, and all of each, so that the time says nothing. */
function findToken(store: Store, text: string): ApiToken | undefined {
  const hash = sha256(utf8(text));
  return store.tokens.list().reduce<ApiToken | undefined>((found, token) => {
    return timingSafeEqual(token.hash, hash) ? token : found;
  }, undefined);
}

function enter(deps: AccessDeps, token: ApiToken): Entry {
  const guard = new TokenGuard(deps, token);
  guard.enter();
  return {
    token: viewToken(token),
    operations: narrowOperations(deps.operations, guard),
    feed: narrowFeed(deps.feed, guard),
    presence: { events: () => guard.forbid("watchPresence") },
    misunderstood: (method, code) => guard.misunderstood(method, code),
    ...deps.tokens.open(token),
  };
}
