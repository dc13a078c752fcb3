import type { ApiToken, TokenStore, TokenUse } from "../messaging/store/tokens.ts";
import type { Database } from "./database.ts";
import { sealedTable } from "./sealed-table.ts";
import type { Sealer } from "./sealer.ts";

type TokenRow = { id: string; last_used_at: number | null; sealed: Uint8Array };
type UseRow = { token: string; at: number; outcome: TokenUse["outcome"]; sealed: Uint8Array };

/** One holder's flood leaves the others' entries alone. */
const USES_OF_ONE = 500;
/** More than all tokens that can exist at once have, so that only revoked ones lose entries to it. */
const USES_OF_ALL = 40_000;

export function tokenTable(database: Database, sealer: Sealer): TokenStore {
  const tokens = sealedTable<Omit<ApiToken, "id">>(sealer, "tokens");
  const uses = sealedTable<{ name: string; method: string; person?: string }>(sealer, "token_log");
  const list = database.prepare<TokenRow>("SELECT id, last_used_at, sealed FROM tokens");
  const find = database.prepare<TokenRow>("SELECT id, last_used_at, sealed FROM tokens WHERE id = ?");
  const insert = database.prepare("INSERT INTO tokens (id, sealed) VALUES (?, ?)");
  const remove = database.prepare("DELETE FROM tokens WHERE id = ?");
  const clear = database.prepare("DELETE FROM tokens");
  const used = database.prepare("UPDATE tokens SET last_used_at = ? WHERE id = ?");
  const note = database.prepare("INSERT INTO token_log (token, at, outcome, sealed) VALUES (?, ?, ?, ?)");
  const forgetOfOne = database.prepare(
    `DELETE FROM token_log WHERE token = ?1 AND n <=
       (SELECT n FROM token_log WHERE token = ?1 ORDER BY n DESC LIMIT 1 OFFSET ${USES_OF_ONE})`,
  );
  const forgetOfAll = database.prepare("DELETE FROM token_log WHERE n <= ?");
  const settle = database.prepare("UPDATE token_log SET outcome = ? WHERE n = ?");
  const newest = database.prepare<UseRow>("SELECT token, at, outcome, sealed FROM token_log ORDER BY n DESC LIMIT ?");
  const newestOf = database.prepare<UseRow>(
    "SELECT token, at, outcome, sealed FROM token_log WHERE token = ? ORDER BY n DESC LIMIT ?",
  );
  const openUse = ({ token: id, at: atMs, outcome, sealed }: UseRow): TokenUse => {
    const { name, ...facts } = uses.open(id, sealed);
    return { ...facts, atMs, outcome, ...(id !== "" && { token: { id, name } }) };
  };
  return {
    list: () =>
      list.all().map(({ id, last_used_at, sealed }) => {
        return { id, ...tokens.open(id, sealed), lastUsedAtMs: last_used_at ?? undefined };
      }),
    find(id) {
      const row = find.get(id);
      return row && { id, ...tokens.open(id, row.sealed) };
    },
    add: ({ id, ...token }) => void insert.run(id, tokens.seal(id, token)),
    remove: (id) => void remove.run(id),
    clear: () => void clear.run(),
    note({ token, atMs, method, person, outcome }) {
      const { id, name } = token ?? { id: "", name: "" };
      const sealed = uses.seal(id, { name, method, ...(person !== undefined && { person }) });
      const place = note.run(id, atMs, outcome, sealed).lastInsertRowid;
      forgetOfOne.run(id);
      forgetOfAll.run(place - USES_OF_ALL);
      used.run(atMs, id);
      return place;
    },
    settle: (place, outcome) => void settle.run(outcome, place),
    uses: (limit, id) => (id === undefined ? newest.all(limit) : newestOf.all(id, limit)).map(openUse).reverse(),
  };
}
