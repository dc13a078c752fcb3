import type { RecordRow } from "../../naming-server/storage/store.ts";
import type { NameRecord } from "../../shared/name-record.ts";
import { skeletonOf } from "../../shared/username.ts";
import { NOW_SECONDS } from "./people.ts";

/** A record as the naming server hands it to its store. */
export function rowOf({ payload, hash, jws, devices }: NameRecord): RecordRow {
  const { name, identity, seq } = payload;
  const skeleton = skeletonOf(name);
  return { name, skeleton, identity, seq, hash, record: jws.text, devices, acceptedAt: NOW_SECONDS };
}
