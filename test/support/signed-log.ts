import type { LogSource } from "../../peer/naming/log/log-source.ts";
import { logOriginOf, signCheckpoint } from "../../shared/checkpoint.ts";
import { rawPublicKey } from "../../shared/ed25519.ts";
import { logLeafOf } from "../../shared/log-leaf.ts";
import type { NameRecord } from "../../shared/name-record.ts";
import { LIMITS } from "../../shared/protocol.ts";
import { encodeVerifier } from "../../shared/signed-note.ts";
import { naiveRoot } from "./merkle.ts";
import { AUDIENCE, keyOf, NOW_SECONDS } from "./people.ts";

/** A log that signs whatever its owner makes of it. */
export class SignedLog implements LogSource {
  leaves: Uint8Array[];
  time = NOW_SECONDS;
  /** What is answered in place of the truth. */
  lies: Partial<{ note: string; key: string; entries: (start: number) => readonly Uint8Array[] }> = {};
  failure: Error | undefined;
  readonly #made: { readonly keyLabel: string; readonly publicUrl: string };
  readonly #signer: { readonly name: string; readonly key: ReturnType<typeof keyOf> };
  pages = 0;

  constructor(leaves: readonly Uint8Array[] = [], keyLabel = "log key", publicUrl = AUDIENCE) {
    this.leaves = [...leaves];
    this.#made = { keyLabel, publicUrl };
    this.#signer = { name: logOriginOf(publicUrl), key: keyOf(keyLabel) };
  }

  /** The same key over another history. */
  fork(leaves: readonly Uint8Array[]): SignedLog {
    const { keyLabel, publicUrl } = this.#made;
    const fork = new SignedLog(leaves, keyLabel, publicUrl);
    fork.time = this.time;
    return fork;
  }

  accept(record: NameRecord): void {
    this.leaves.push(logLeafOf(record.payload.name, record.hash));
  }

  noteAt(size = this.leaves.length, time = this.time): string {
    return signCheckpoint({ size, root: naiveRoot(this.leaves.slice(0, size)), time }, this.#signer);
  }

  /** What it never had. */
  claimOf(size: number, root: Uint8Array = new Uint8Array(32)): string {
    return signCheckpoint({ size, root, time: this.time }, this.#signer);
  }

  async checkpoint(): Promise<string> {
    if (this.failure !== undefined) throw this.failure;
    return this.lies.note ?? this.noteAt();
  }

  async key(): Promise<string> {
    if (this.failure !== undefined) throw this.failure;
    const { name, key } = this.#signer;
    return this.lies.key ?? encodeVerifier({ name, publicKey: rawPublicKey(key) });
  }

  async entries(start: number): Promise<readonly Uint8Array[]> {
    this.pages += 1;
    return this.lies.entries?.(start) ?? this.leaves.slice(start, start + LIMITS.logPageEntries);
  }
}

/** Leaves that no name has. */
export function leavesOf(count: number, label = "leaf"): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => {
    const leaf = new Uint8Array(64);
    leaf.set(Buffer.from(`${label} ${index}`));
    return leaf;
  });
}
