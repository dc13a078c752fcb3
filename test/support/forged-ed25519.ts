/** Encodings of the eight points of small order, and spellings of them with y >= p or a sign without a root. */
export const SMALL_ORDER_OR_NOT_CANONICAL = [
  `01${"00".repeat(31)}`,
  `01${"00".repeat(30)}80`,
  `ec${"ff".repeat(30)}7f`,
  `ec${"ff".repeat(31)}`,
  "00".repeat(32),
  `${"00".repeat(31)}80`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  `ed${"ff".repeat(30)}7f`,
  `ed${"ff".repeat(31)}`,
  `ee${"ff".repeat(30)}7f`,
  `ee${"ff".repeat(31)}`,
];

/** The order of the base point, RFC 8032 5.1. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

/** The signature with S + L in place of S, which a verifier that does not check S < L takes for another one. */
export function raiseS(signature: Uint8Array): Buffer {
  const s = BigInt(`0x${Buffer.from(signature.slice(32)).reverse().toString("hex")}`) + L;
  const raised = Buffer.from(s.toString(16).padStart(64, "0"), "hex").reverse();
  return Buffer.concat([signature.subarray(0, 32), raised]);
}
