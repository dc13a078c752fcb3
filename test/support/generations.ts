import { hash } from "node:crypto";
import type { SecureSessions } from "../../peer/messaging/ports/sessions.ts";
import { hex } from "../../shared/bytes.ts";
import type { Passing } from "./memory-network.ts";

/** Watches that no key of a session ever encrypts two messages that leave the device. */
export class Generations {
  readonly #made = new Map<string, string>();
  readonly #left = new Map<string, string>();
  readonly reused: string[] = [];

  /** Notes under which generation each ciphertext was made. */
  watch = (sessions: SecureSessions): SecureSessions => ({
    ...sessions,
    encrypt: async (session, plaintext, authenticatedData) => {
      const encrypted = await sessions.encrypt(session, plaintext, authenticatedData);
      const generation = `${hex(session.id)}/${session.opener}/${session.epoch}/${session.sentInEpoch}`;
      this.#made.set(digest(encrypted.ciphertext), generation);
      return encrypted;
    },
  });

  /** To be told of every frame that leaves. */
  leaves({ frame }: Passing): void {
    if (frame?.type !== "message") return;
    const ciphertext = digest(frame.ciphertext);
    const generation = this.#made.get(ciphertext);
    if (generation === undefined) return;
    const before = this.#left.get(generation);
    if (before !== undefined && before !== ciphertext) this.reused.push(generation);
    this.#left.set(generation, ciphertext);
  }
}

function digest(bytes: Uint8Array): string {
  return hash("sha256", bytes, "hex");
}
