import { encode } from "cborg";
import { decodeOwnCbor } from "../../shared/cbor.ts";
import type { Sealer } from "./sealer.ts";

/** Seals whole values into rows of one table and opens them again. */
export interface SealedTable<T> {
  seal(row: string, value: T): Uint8Array;
  /** @throws ChatError STORE_CORRUPT */
  open(row: string, sealed: Uint8Array): T;
}

/** `T` is CBOR data: what comes out was sealed here by this program, so its shape is the schema version's. */
export function sealedTable<T>(sealer: Sealer, table: string): SealedTable<T> {
  return {
    seal: (row, value) => sealer.seal(table, row, encode(value, { ignoreUndefinedProperties: true })),
    open: (row, sealed) => decodeOwnCbor(sealer.open(table, row, sealed)) as T,
  };
}
