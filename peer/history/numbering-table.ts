import { hex } from "../../shared/bytes.ts";
import type { NumberingStore } from "../messaging/store.ts";
import type { Database } from "./database.ts";
import type { Sealer } from "./sealer.ts";

export function numberingTable(database: Database, sealer: Sealer): NumberingStore {
  const tagOf = (conversation: Uint8Array) => sealer.tag("conversation", hex(conversation));
  const next = database.prepare<{ last: number }>(
    `INSERT INTO numbering (conversation, last) VALUES (?, 1)
     ON CONFLICT (conversation) DO UPDATE SET last = last + 1 RETURNING last`,
  );
  const last = database.prepare<{ last: number }>("SELECT last FROM numbering WHERE conversation = ?");
  const lastEnvelope = database.prepare<{ envelope_id: Uint8Array }>(
    "SELECT envelope_id FROM last_envelopes WHERE conversation = ? AND device = ?",
  );
  const setLastEnvelope = database.prepare(
    `INSERT INTO last_envelopes (conversation, device, envelope_id) VALUES (?, ?, ?)
     ON CONFLICT (conversation, device) DO UPDATE SET envelope_id = excluded.envelope_id`,
  );
  const forgetNumbers = database.prepare("DELETE FROM numbering");
  const forgetEnvelopes = database.prepare("DELETE FROM last_envelopes");
  return {
    next: (conversation) => next.get(tagOf(conversation))?.last ?? 1,
    last: (conversation) => last.get(tagOf(conversation))?.last ?? 0,
    lastEnvelope: (conversation, device) =>
      lastEnvelope.get(tagOf(conversation), sealer.tag("device", device))?.envelope_id ?? null,
    setLastEnvelope: (conversation, device, envelopeId) =>
      void setLastEnvelope.run(tagOf(conversation), sealer.tag("device", device), envelopeId),
    restart() {
      forgetNumbers.run();
      forgetEnvelopes.run();
    },
  };
}
