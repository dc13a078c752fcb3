import type { KeyObject } from "node:crypto";
import { ChatError } from "./errors.ts";
import { type NoteVerifier, openNote, signNote } from "./signed-note.ts";

/** What a log says of itself at a moment: how many leaves it has, and the root over them. */
export type Checkpoint = {
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
  /** Seconds since the Unix epoch. */
  readonly time: number;
};

/** A checkpoint whose signature has been checked, with the note that proves it. */
export type SignedCheckpoint = Checkpoint & { readonly note: string };

const ROOT_BYTES = 32;
const TEXT = /^(.+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\ntime (0|[1-9]\d{0,11})\n((?:.+\n)*)$/u;

/** The log's origin, which is its key's name too: the server's public URL without the scheme. */
export function logOriginOf(publicUrl: string): string {
  return `${publicUrl.replace(/^https?:\/\//, "")}/v1/log`;
}

/**
 * A note as c2sp.org/tlog-checkpoint has it, with one extension line: `time <seconds since the Unix epoch>`.
 *
 * @param signer.name  the log's origin
 */
export function signCheckpoint({ size, root, time }: Checkpoint, signer: { name: string; key: KeyObject }): string {
  return signNote(`${signer.name}\n${size}\n${Buffer.from(root).toString("base64")}\ntime ${time}\n`, signer);
}

/**
 * Reads a checkpoint that the log has signed; extension lines behind the time are passed over.
 *
 * @throws ChatError NOTE_INVALID, with a reason as `openNote`, or `checkpoint`
 */
export function openCheckpoint(note: string, log: NoteVerifier): SignedCheckpoint {
  const [, origin, size, encoded = "", time] = TEXT.exec(openNote(note, log)) ?? [];
  const root = Buffer.from(encoded, "base64");
  const isCanonical = root.length === ROOT_BYTES && root.toString("base64") === encoded;
  if (origin !== log.name || !isCanonical || !Number.isSafeInteger(Number(size))) {
    throw new ChatError("NOTE_INVALID", "not a checkpoint of this log", { reason: "checkpoint" });
  }
  return { size: Number(size), root: new Uint8Array(root), time: Number(time), note };
}
