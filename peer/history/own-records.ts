import { utf8, utf8Text } from "../../shared/bytes.ts";
import type { OwnRecords } from "../messaging/publishing/own-record.ts";
import type { OpenStore } from "./store.ts";

const OWN_RECORDS = "own-records";

/** In the sealed part of the database; a record is compact, so that a space stands between two. */
export function ownRecordsOf({ meta, transaction }: Pick<OpenStore, "meta" | "transaction">): OwnRecords {
  return {
    all() {
      const stored = meta.get(OWN_RECORDS);
      return stored === undefined ? [] : utf8Text(stored).split(" ");
    },
    save: (records) => transaction(() => meta.set(OWN_RECORDS, utf8(records.join(" ")))),
  };
}
