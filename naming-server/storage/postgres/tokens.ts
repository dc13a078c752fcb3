import { ChatError } from "../../../shared/errors.ts";
import type { SigningKeyRow, Store } from "../store.ts";
import type { Database, Query } from "./database.ts";

const REMEMBER = {
  name: "remember-assertion",
  text: "INSERT INTO assertions (sub, jti, expires) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
};

const FORGET = { name: "forget-assertions", text: "DELETE FROM assertions WHERE expires < $1" };

const LIST_KEYS = {
  name: "list-signing-keys",
  text: `SELECT generation, seed, active_from AS "activeFrom" FROM signing_keys ORDER BY generation`,
};

const ADD_KEY = {
  name: "add-signing-key",
  text: "INSERT INTO signing_keys (generation, seed, active_from) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
};

const DELETE_KEYS = { name: "delete-signing-keys", text: "DELETE FROM signing_keys WHERE generation < $1" };

type Tokens = Pick<Store, "rememberAssertion" | "listSigningKeys" | "addSigningKey" | "deleteSigningKeysBefore">;

export function openTokens(database: Database): Tokens {
  return {
    async rememberAssertion({ sub, jti, expires }) {
      if ((await database.query(REMEMBER, sub, jti, expires)).count > 0) return;
      throw new ChatError("TOKEN_REPLAYED", "the assertion has been used");
    },

    async listSigningKeys() {
      return (await database.query<SigningKeyRow>(LIST_KEYS)).rows;
    },

    async addSigningKey({ generation, seed, activeFrom }) {
      await database.query(ADD_KEY, generation, seed, activeFrom);
    },

    async deleteSigningKeysBefore(generation) {
      await database.query(DELETE_KEYS, generation);
    },
  };
}

export async function forgetAssertions(query: Query, before: number): Promise<void> {
  await query(FORGET, before);
}
