import { type KeyObject, sign, verify } from "node:crypto";
import { concat, equalBytes, utf8 } from "./bytes.ts";
import { ED25519, publicKeyObject, rawPublicKey } from "./ed25519.ts";
import { ChatError } from "./errors.ts";
import { sha256 } from "./hash.ts";
import { LIMITS, NOTE_SIGNATURE_ED25519 } from "./protocol.ts";

/*
 * Signed notes, c2sp.org/signed-note: a text, an empty line, and signature lines `— <key name> <base64(id || signature)>`.
 * Only Ed25519 lines of one known key are looked at; whatever others have signed beside it is passed over.
 */

/** Who signs notes: the raw public key, and the name under which it does. */
export type NoteVerifier = { readonly name: string; readonly publicKey: Uint8Array };

const KEY_ID_BYTES = 4;
const VERIFIER = /^([^\s+]+)\+[0-9a-f]{8}\+([A-Za-z0-9+/]+={0,2})$/u;
const SIGNATURE_LINE = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u;

/** Signs a text that ends in a newline and holds no other control character. */
export function signNote(text: string, { name, key }: { name: string; key: KeyObject }): string {
  const id = keyIdOf({ name, publicKey: rawPublicKey(key) });
  const signature = Buffer.from(concat(id, sign(null, utf8(text), key))).toString("base64");
  return `${text}\n— ${name} ${signature}\n`;
}

/**
 * The text of a note that the verifier's key has signed.
 *
 * @throws ChatError NOTE_INVALID with reason `size`, `form`, `unsigned` (nothing of that key), `signature`
 */
export function openNote(note: string, verifier: NoteVerifier): string {
  if (note.length > LIMITS.noteMaxBytes) throw invalid("size", `longer than ${LIMITS.noteMaxBytes} bytes`);
  const end = note.lastIndexOf("\n\n");
  const [text, tail] = [note.slice(0, end + 1), note.slice(end + 2)];
  if (end < 0 || !tail.endsWith("\n") || hasControlCharacter(note)) throw invalid("form", "not a signed note");
  const signatures = tail
    .slice(0, -1)
    .split("\n")
    .flatMap((line) => readSignature(line, verifier));
  const [first] = signatures;
  if (first === undefined) throw invalid("unsigned", `no signature of ${verifier.name}`);
  const key = publicKeyObject(verifier.publicKey);
  if (!signatures.every((signature) => verify(null, utf8(text), key, signature))) {
    throw invalid("signature", "the note's signature does not verify");
  }
  return text;
}

/** The signature in a line, if it is the verifier's. @throws ChatError NOTE_INVALID */
function readSignature(line: string, verifier: NoteVerifier): Uint8Array[] {
  const [, name, encoded = ""] = SIGNATURE_LINE.exec(line) ?? [];
  const bytes = Buffer.from(encoded, "base64");
  if (name === undefined || bytes.toString("base64") !== encoded) throw invalid("form", "not a line of a signed note");
  const isTheirs = name === verifier.name && equalBytes(bytes.subarray(0, KEY_ID_BYTES), keyIdOf(verifier));
  return isTheirs ? [bytes.subarray(KEY_ID_BYTES)] : [];
}

/** The text form in which a key is handed over: `<name>+<hex id>+<base64(0x01 || key)>`. */
export function encodeVerifier(verifier: NoteVerifier): string {
  const id = Buffer.from(keyIdOf(verifier)).toString("hex");
  const key = Buffer.from(concat(Uint8Array.of(NOTE_SIGNATURE_ED25519), verifier.publicKey)).toString("base64");
  return `${verifier.name}+${id}+${key}`;
}

/** @throws ChatError NOTE_INVALID (reason `verifier`), KEY_INVALID */
export function parseVerifier(text: string): NoteVerifier {
  const [, name = "", encoded = ""] = VERIFIER.exec(text) ?? [];
  const bytes = Buffer.from(encoded, "base64");
  const verifier = { name, publicKey: new Uint8Array(bytes.subarray(1)) };
  const fits = bytes[0] === NOTE_SIGNATURE_ED25519 && bytes.length === ED25519.publicKeyBytes + 1;
  if (!fits || encodeVerifier(verifier) !== text) throw invalid("verifier", "not the key of a log");
  publicKeyObject(verifier.publicKey);
  return verifier;
}

function keyIdOf({ name, publicKey }: NoteVerifier): Uint8Array {
  return sha256(concat(utf8(name), Uint8Array.of(0x0a, NOTE_SIGNATURE_ED25519), publicKey)).subarray(0, KEY_ID_BYTES);
}

function hasControlCharacter(text: string): boolean {
  return [...text].some((character) => character < " " && character !== "\n");
}

function invalid(reason: string, message: string): ChatError {
  return new ChatError("NOTE_INVALID", message, { reason });
}
