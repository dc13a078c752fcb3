import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { encodeBase64url } from "../../shared/base64url.ts";
import { LOG_LEAF_BYTES, logLabelOf, logLeafOf } from "../../shared/log-leaf.ts";
import { parseUsername } from "../../shared/username.ts";

const sha = (text: string) => createHash("sha256").update(text).digest();

test("a leaf is the hash of the name and that of the record", () => {
  const name = parseUsername("alice");
  const leaf = logLeafOf(name, encodeBase64url(sha("record")));
  expect(leaf).toHaveLength(LOG_LEAF_BYTES);
  expect(Buffer.from(leaf)).toEqual(Buffer.concat([sha("alice"), sha("record")]));
  expect(Buffer.from(logLabelOf(name))).toEqual(sha("alice"));
});
