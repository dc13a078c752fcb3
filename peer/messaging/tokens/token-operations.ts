import { encodeBase64url } from "../../../shared/base64url.ts";
import { hex, utf8 } from "../../../shared/bytes.ts";
import { ChatError } from "../../../shared/errors.ts";
import { sha256 } from "../../../shared/hash.ts";
import { isoTime } from "../feed/message-view.ts";
import type { TokenLogEntry, TokenView } from "../operations/tokens.ts";
import type { Operations } from "../operations.ts";
import type { Runtime } from "../runtime.ts";
import type { ApiToken, TokenUse } from "../store/tokens.ts";
import type { Store } from "../store.ts";
import { readCapabilities } from "./capability.ts";
import { DEFAULT_RATE, rateText, readRate } from "./rate.ts";
import type { TokenUses } from "./token-uses.ts";

const PREFIX = "p2pchat_";
const SECRET_BYTES = 32;
const ID_BYTES = 8;
const MAX_TOKENS = 64;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const LOG_LIMIT = 100;

type Deps = {
  readonly store: Store;
  readonly runtime: Runtime;
  readonly tokens: TokenUses;
  /** This profile's naming server. */
  readonly server: string;
};
type TokenOperations = Pick<Operations, "tokenCreate" | "tokenList" | "tokenRevoke" | "tokenLog">;

/** The owner's side of tokens. */
export function tokenOperations(deps: Deps): TokenOperations {
  const { store } = deps;
  return {
    tokenCreate: async (params) => create(deps, params),
    tokenList: async () => ({
      tokens: store.tokens
        .list()
        .toSorted((a, b) => a.createdAtMs - b.createdAtMs)
        .map(viewToken),
    }),
    tokenRevoke: async ({ token }) => revoke(deps, token),
    async tokenLog({ token, limit = LOG_LIMIT }) {
      return { entries: store.tokens.uses(limit, token && idOf(store, token)).map(viewUse) };
    },
  };
}

function create(
  { store, runtime, server }: Deps,
  { can, rate, expireSeconds, name }: Parameters<Operations["tokenCreate"]>[0],
): TokenView & { token: string } {
  const secret = `${PREFIX}${encodeBase64url(runtime.randomBytes(SECRET_BYTES))}`;
  const id = hex(runtime.randomBytes(ID_BYTES));
  const createdAtMs = runtime.now();
  const token: ApiToken = {
    id,
    name: name ?? id,
    hash: sha256(utf8(secret)),
    can: readCapabilities(can, server),
    rate: rate === undefined ? DEFAULT_RATE : readRate(rate),
    createdAtMs,
    ...(expireSeconds !== undefined && { expiresAtMs: createdAtMs + expireSeconds * 1000 }),
  };
  store.transaction(() => {
    assertRoomFor(store, token.name);
    store.tokens.add(token);
  });
  return { ...viewToken(token), token: secret };
}

function assertRoomFor({ tokens }: Store, name: string): void {
  if (!NAME.test(name)) {
    throw new ChatError("USAGE", "a token's name has up to 64 letters, digits, dots, dashes and underscores");
  }
  const others = tokens.list();
  if (others.some((other) => other.name === name || other.id === name)) {
    throw new ChatError("USAGE", `there is a token ${name} already`, { reason: "token-exists" });
  }
  if (others.length < MAX_TOKENS) return;
  throw new ChatError("QUOTA", `there are ${MAX_TOKENS} tokens, and no more at once`, { reason: "tokens" });
}

/** What it opened is closed before this returns, and nobody gets in with it any more. */
function revoke({ store, tokens }: Deps, wanted: string): TokenView {
  const token = store.tokens.list().find(({ id, name }) => id === wanted || name === wanted);
  if (token === undefined) throw unknownToken(wanted);
  store.transaction(() => store.tokens.remove(token.id));
  tokens.end(token.id);
  return viewToken(token);
}

/** Of a token that was revoked, only the id is still known. */
function idOf({ tokens }: Store, wanted: string): string {
  const known = tokens.list().find(({ id, name }) => id === wanted || name === wanted);
  if (known !== undefined) return known.id;
  if (/^[0-9a-f]{16}$/.test(wanted)) return wanted;
  throw unknownToken(wanted);
}

function unknownToken(wanted: string): ChatError {
  return new ChatError("USAGE", `there is no token ${wanted}`, { reason: "token-unknown" });
}

export function viewToken(token: ApiToken & { readonly lastUsedAtMs?: number | undefined }): TokenView {
  const { id, name, can, rate, createdAtMs, expiresAtMs, lastUsedAtMs } = token;
  return {
    id,
    name,
    can,
    rate: rateText(rate),
    createdAt: isoTime(createdAtMs),
    expiresAt: expiresAtMs === undefined ? null : isoTime(expiresAtMs),
    lastUsedAt: lastUsedAtMs === undefined ? null : isoTime(lastUsedAtMs),
  };
}

function viewUse({ atMs, token, method, person, outcome }: TokenUse): TokenLogEntry {
  return { at: isoTime(atMs), token: token ?? null, method, person: person ?? null, outcome };
}
