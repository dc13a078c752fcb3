import { describe, expect, test } from "vitest";
import { privateKeyObject, publicKeyOfSeed } from "../../shared/ed25519.ts";
import { encodeVerifier, openNote, parseVerifier, signNote } from "../../shared/signed-note.ts";
import { expectError } from "../support/expect-error.ts";

/** From the documentation of golang.org/x/mod/sumdb/note. */
const VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const NOTE = `${TEXT}
— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;

const seed = new Uint8Array(32).fill(7);
const signer = { name: "names.example.org/v1/log", key: privateKeyObject(seed) };
const verifier = { name: signer.name, publicKey: publicKeyOfSeed(seed) };

test("a note that another implementation signed opens with the key it was published with", () => {
  expect(openNote(NOTE, parseVerifier(VERIFIER))).toBe(TEXT);
  expect(encodeVerifier(parseVerifier(VERIFIER))).toBe(VERIFIER);
});

test("what is signed opens, whatever others have signed beside it", () => {
  const note = signNote("one\n\ntwo\n", signer);
  const other = signNote("one\n\ntwo\n", { name: "witness", key: privateKeyObject(new Uint8Array(32).fill(8)) });
  expect(openNote(note, verifier)).toBe("one\n\ntwo\n");
  expect(openNote(`${note}${other.split("\n").at(-2)}\n`, verifier)).toBe("one\n\ntwo\n");
});

describe("refuses", () => {
  const note = signNote("text\n", signer);
  const line = note.split("\n").at(-2) ?? "";
  test.each([
    ["another text", note.replace("text", "test"), "signature"],
    ["a signature of zeros", note.replace(/[^ ]+\n$/, forged), "signature"],
    ["a second signature of the key that fails", `${note}${line.replace(/[^ ]+$/, forged)}`, "signature"],
    ["a note without a signature", "text\n", "form"],
    ["a note without its last newline", note.slice(0, -1), "form"],
    ["a carriage return", note.replace("text", "te\rxt"), "form"],
    ["a line that is no signature", `${note}hello\n`, "form"],
    ["base64 with unused bits set", note.replace(/.=\n$/, "B=\n"), "form"],
    ["another name", note.replace("— names", "— other"), "unsigned"],
    ["another key", signNote("text\n", { ...signer, key: privateKeyObject(new Uint8Array(32).fill(9)) }), "unsigned"],
    ["more than any note needs", signNote(`${"long ".repeat(1000)}\n`, signer), "size"],
  ])("%s", async (_what, damaged, reason) => {
    await expectError(() => openNote(damaged, verifier), "NOTE_INVALID", reason);
  });

  test.each(["", "name", `${VERIFIER}x`, VERIFIER.replace("c74f20a3", "c74f20a4"), VERIFIER.replace("ARpc", "Ahpc")])(
    "%j as a key",
    async (text) => {
      await expectError(() => parseVerifier(text), "NOTE_INVALID", "verifier");
    },
  );
});

/** The real key's id, and 64 zero bytes. */
function forged(encoded: string): string {
  const bytes = Buffer.from(encoded.trim(), "base64");
  return `${Buffer.concat([bytes.subarray(0, 4), Buffer.alloc(64)]).toString("base64")}\n`;
}
