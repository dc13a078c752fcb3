import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { XWing } from "@hpke/hybridkem-x-wing";
import { describe, expect, test } from "vitest";
import { X_WING, xWing, xWingPublicKey } from "../../../peer/sessions/x-wing.ts";

type Vector = { readonly sk: string; readonly pk: string; readonly ct: string; readonly ss: string };

const { vectors } = JSON.parse(readFileSync(new URL("../../vectors/x-wing.json", import.meta.url), "utf8")) as {
  vectors: Vector[];
};

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
const arrayBuffer = (view: Uint8Array) => Uint8Array.from(view).buffer;

describe("X-Wing", () => {
  test.each(vectors)("makes the public key and shared secret of the draft's vector $#", ({ sk, pk, ct, ss }) => {
    expect(Buffer.from(xWingPublicKey(bytes(sk))).toString("hex")).toBe(pk);
    expect(Buffer.from(xWing.decapsulate(bytes(sk), bytes(ct))).toString("hex")).toBe(ss);
  });

  test("decapsulates what another implementation encapsulates, and the reverse", async () => {
    const other = new XWing();
    const seed = new Uint8Array(randomBytes(X_WING.seedBytes));
    const publicKey = xWingPublicKey(seed);
    const recipientPublicKey = await other.deserializePublicKey(arrayBuffer(publicKey));
    const theirs = await other.encap({ recipientPublicKey });
    expect(xWing.decapsulate(seed, new Uint8Array(theirs.enc))).toEqual(new Uint8Array(theirs.sharedSecret));

    const ours = xWing.encapsulate(publicKey, randomBytes);
    const recipientKey = await other.deserializePrivateKey(arrayBuffer(seed));
    const opened = await other.decap({ recipientKey, enc: arrayBuffer(ours.encapsulated) });
    expect(new Uint8Array(opened)).toEqual(ours.sharedSecret);
  });

  test("refuses keys and ciphertexts of any other length", () => {
    const seed = new Uint8Array(randomBytes(X_WING.seedBytes));
    const { encapsulated } = xWing.encapsulate(xWingPublicKey(seed), randomBytes);
    expect(() => xWingPublicKey(seed.subarray(1))).toThrow(RangeError);
    expect(() => xWing.encapsulate(new Uint8Array(X_WING.publicKeyBytes - 1), randomBytes)).toThrow(RangeError);
    expect(() => xWing.decapsulate(seed, encapsulated.subarray(1))).toThrow(RangeError);
  });

  test("refuses an X25519 half of small order", () => {
    const publicKey = xWingPublicKey(new Uint8Array(randomBytes(X_WING.seedBytes)));
    publicKey.fill(0, X_WING.publicKeyBytes - 32);
    expect(() => xWing.encapsulate(publicKey, randomBytes)).toThrow();
  });
});
