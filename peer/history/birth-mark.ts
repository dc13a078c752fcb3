import { statSync } from "node:fs";
import { ChatError } from "../../shared/errors.ts";

/**
 * What a file cannot take along when it is copied or restored: inode and time of birth, 16 bytes (u64 and i64 of
 * nanoseconds, big-endian; a birth of 0 is unknown).
 */
export type BirthMark = Uint8Array;

const MARK_BYTES = 16;

export function readBirthMark(path: string): BirthMark {
  const { ino, birthtimeNs, ctimeNs } = statSync(path, { bigint: true });
  const mark = Buffer.alloc(MARK_BYTES);
  mark.writeBigUInt64BE(BigInt.asUintN(64, ino), 0);
  mark.writeBigInt64BE(birthtimeNs === ctimeNs ? 0n : birthtimeNs, 8);
  return new Uint8Array(mark);
}

/**
 * Whether two marks can be of one file. Where a file system keeps no birth time, Node may give the time of the last
 * change instead; such a birth counts as unknown, and the inode alone decides.
 *
 * @throws ChatError STORE_CORRUPT for what is no mark
 */
export function isSameBirth(stored: BirthMark, current: BirthMark): boolean {
  const [then, now] = [decode(stored), decode(current)];
  const bothKnown = then.birthNs !== 0n && now.birthNs !== 0n;
  return then.inode === now.inode && (!bothKnown || then.birthNs === now.birthNs);
}

function decode(mark: BirthMark): { inode: bigint; birthNs: bigint } {
  if (mark.length !== MARK_BYTES) throw new ChatError("STORE_CORRUPT", "the database's birth mark is damaged");
  const view = new DataView(mark.buffer, mark.byteOffset, mark.byteLength);
  return { inode: view.getBigUint64(0), birthNs: view.getBigInt64(8) };
}
