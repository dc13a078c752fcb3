import { encode } from "cborg";
import { decodeOwnCbor } from "../../shared/cbor.ts";
import type { LogEvidence, LogHead, LogStore } from "../messaging/store/log.ts";
import type { Database } from "./database.ts";
import type { MetaStore } from "./meta-table.ts";

const HEAD = "log-head";
const EVIDENCE = "log-evidence";
const EVIDENCE_MAX = 8;

export function logTable(database: Database, meta: MetaStore): LogStore {
  const find = database.prepare<{ leaves: Uint8Array }>("SELECT leaves FROM log_chunks WHERE n = ?");
  const roots = database.prepare<{ root: Uint8Array }>("SELECT root FROM log_chunks WHERE root IS NOT NULL ORDER BY n");
  const upsert = database.prepare(
    `INSERT INTO log_chunks (n, leaves, root) VALUES (?, ?, ?)
     ON CONFLICT (n) DO UPDATE SET leaves = excluded.leaves, root = excluded.root`,
  );
  const clear = database.prepare("DELETE FROM log_chunks");
  const readEvidence = () => read<readonly LogEvidence[]>(meta, EVIDENCE) ?? [];
  return {
    head: () => read<LogHead>(meta, HEAD),
    saveHead: (head) => meta.set(HEAD, encode(head)),
    chunk: (n) => find.get(n)?.leaves,
    saveChunk: (n, leaves, root) => void upsert.run(n, leaves, root ?? null),
    chunkRoots: () => roots.all().map(({ root }) => root),
    clear() {
      clear.run();
      meta.delete(HEAD);
      meta.delete(EVIDENCE);
    },
    evidence: readEvidence,
    addEvidence(evidence) {
      const kept = [...readEvidence(), evidence].slice(0, EVIDENCE_MAX);
      meta.set(EVIDENCE, encode(kept, { ignoreUndefinedProperties: true }));
    },
  };
}

/** What this program sealed has the shape that it gave it. */
function read<T>(meta: MetaStore, name: string): T | undefined {
  const sealed = meta.get(name);
  return sealed && (decodeOwnCbor(sealed) as T);
}
