import type { KeyObject } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isChatError } from "../../shared/errors.ts";
import { signJws } from "../../shared/jws.ts";
import { expectError } from "./expect-error.ts";

/** A kind of record that a device or a relay signs. */
export type SignedRecord = {
  readonly verify: (text: string) => Promise<{ readonly text: string; readonly payload: object }>;
  readonly signer: { readonly typ: string; readonly key: KeyObject };
  /** Whose key that is. */
  readonly kid: string;
  readonly valid: object;
  /** What makes it longer than a record may be. */
  readonly tooLong: object;
  /** Changes that leave no payload of this kind, each with its name. */
  readonly misshapen: readonly (readonly [string, object])[];
  /** A valid record of another kind. */
  readonly anotherKind: () => Promise<string>;
};

/** The tests that hold for every kind. */
export function testSignedRecord(kind: SignedRecord): void {
  const { verify, signer, kid, valid, tooLong, misshapen, anotherKind } = kind;
  const signed = (change: object) => signJws({ ...valid, ...change }, signer);

  test("is read from the text that was signed, which stays as it is", async () => {
    const text = await signed({});
    expect(await verify(text)).toMatchObject({ text, payload: valid });
  });

  test.each(misshapen)("is refused with %s", async (_, change) => {
    await expectError(verify(await signed(change)), "RECORD_INVALID", "payload");
  });

  test("is refused with a key id in its header", async () => {
    await expectError(verify(await signJws(valid, { ...signer, kid })), "RECORD_INVALID", "header");
  });

  test("is refused beyond 4 KiB", async () => {
    await expectError(verify(await signed(tooLong)), "RECORD_INVALID", "size");
  });

  test("is no record of another kind", async () => {
    await expectError(verify(await anotherKind()), "RECORD_INVALID", "typ");
  });

  test("is refused after any change of one character", async () => {
    const text = await signed({});
    const places = fc.integer({ min: 0, max: text.length - 1 });
    await fc.assert(
      fc.asyncProperty(places, fc.constantFrom(..."ABCxyz019-_.=+ "), async (place, other) => {
        fc.pre(other !== text.charAt(place));
        const mutated = text.slice(0, place) + other + text.slice(place + 1);
        const outcome = await verify(mutated).catch((error: unknown) => error);
        expect(isChatError(outcome)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
}
