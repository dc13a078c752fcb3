import { argon2id } from "@noble/hashes/argon2.js";
import { expect, test } from "vitest";
import { newKdfParameters, stretch } from "../../../peer/identity/passphrase-key.ts";
import { decodeBase64url } from "../../../shared/base64url.ts";
import { hex, utf8 } from "../../../shared/bytes.ts";

test("a passphrase is really stretched by 64 MiB and three passes of Argon2id, as another implementation finds", async () => {
  const parameters = newKdfParameters();
  const expected = argon2id(utf8("correct horse"), decodeBase64url(parameters.salt), {
    m: 64 * 1024,
    t: 3,
    p: 1,
    dkLen: 32,
  });
  expect(hex(await stretch("correct horse", parameters))).toBe(hex(expected));
});

test("no two profiles stretch with the same salt", () => {
  expect(newKdfParameters().salt).not.toBe(newKdfParameters().salt);
});
