import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { logOriginOf, openCheckpoint, signCheckpoint } from "../../shared/checkpoint.ts";
import { privateKeyObject, publicKeyOfSeed } from "../../shared/ed25519.ts";
import { signNote } from "../../shared/signed-note.ts";
import { expectError } from "../support/expect-error.ts";

const seed = new Uint8Array(32).fill(7);
const origin = logOriginOf("https://names.example.org");
const signer = { name: origin, key: privateKeyObject(seed) };
const verifier = { name: origin, publicKey: publicKeyOfSeed(seed) };
const root = new Uint8Array(32).fill(1);
const ROOT = Buffer.from(root).toString("base64");

test("the origin is the public URL without its scheme", () => {
  expect(origin).toBe("names.example.org/v1/log");
  expect(logOriginOf("http://127.0.0.1:8080")).toBe("127.0.0.1:8080/v1/log");
});

test("is a signed note of origin, size, root and time", () => {
  const note = signCheckpoint({ size: 42, root, time: 1_800_000_000 }, signer);
  expect(note.split("\n— ")[0]).toBe(`${origin}\n42\n${ROOT}\ntime 1800000000\n`);
});

test("comes back as it was signed", () => {
  const time = fc.integer({ min: 0, max: 999_999_999_999 });
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(fc.maxSafeNat(), hash, time, (size, any, seconds) => {
      const note = signCheckpoint({ size, root: any, time: seconds }, signer);
      expect(openCheckpoint(note, verifier)).toEqual({ size, root: Uint8Array.from(any), time: seconds, note });
    }),
  );
});

test("passes over further extension lines", () => {
  const note = signNote(`${origin}\n1\n${ROOT}\ntime 5\nnew: thing\n`, signer);
  expect(openCheckpoint(note, verifier)).toMatchObject({ size: 1, time: 5 });
});

describe("refuses, though it is signed,", () => {
  test.each([
    ["another origin", `elsewhere\n1\n${ROOT}\ntime 5\n`],
    ["a size with a leading zero", `${origin}\n01\n${ROOT}\ntime 5\n`],
    ["a size that is no number", `${origin}\n-1\n${ROOT}\ntime 5\n`],
    ["a size beyond 2^53", `${origin}\n9007199254740992\n${ROOT}\ntime 5\n`],
    ["a short root", `${origin}\n1\n${Buffer.alloc(31).toString("base64")}\ntime 5\n`],
    ["a root with unused bits set", `${origin}\n1\n${ROOT.replace("E=", "F=")}\ntime 5\n`],
    ["no time", `${origin}\n1\n${ROOT}\n`],
    ["an empty extension line", `${origin}\n1\n${ROOT}\ntime 5\n\nx\n`],
  ])("%s", async (_what, text) => {
    await expectError(() => openCheckpoint(signNote(text, signer), verifier), "NOTE_INVALID", "checkpoint");
  });

  test("nothing of another key", async () => {
    const note = signCheckpoint({ size: 1, root, time: 5 }, { ...signer, key: privateKeyObject(new Uint8Array(32)) });
    await expectError(() => openCheckpoint(note, verifier), "NOTE_INVALID", "unsigned");
  });
});
