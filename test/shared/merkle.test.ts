import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hex } from "../../shared/bytes.ts";
import {
  consistencyProof,
  EMPTY_ROOT,
  inclusionProof,
  isConsistent,
  isIncluded,
  leafHash,
  nodeHash,
  rootOf,
} from "../../shared/merkle.ts";
import { naiveConsistency, naiveInclusion, naiveRoot, treeOf } from "../support/merkle.ts";

const unhex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

/** Leaves and roots of the reference tree of Certificate Transparency, as transparency-dev/merkle publishes them. */
const LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map(
  unhex,
);
const ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

describe("the reference tree of RFC 6962", () => {
  test("hashes leaves, nodes and nothing at all", () => {
    expect(hex(EMPTY_ROOT)).toBe(ROOTS[0]);
    expect(hex(leafHash(Buffer.from("L123456")))).toBe(
      "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56",
    );
    expect(hex(nodeHash(Buffer.from("N123"), Buffer.from("N456")))).toBe(
      "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb",
    );
  });

  test.each(ROOTS.map((root, size) => [size, root] as const))("has the published root at size %i", (size, root) => {
    expect(hex(rootOf(treeOf(LEAVES), size))).toBe(root);
  });

  test.each([
    [0, 1, []],
    [
      0,
      8,
      [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
      ],
    ],
    [
      5,
      8,
      [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      ],
    ],
    [2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]],
    [
      1,
      5,
      [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
      ],
    ],
  ] as const)("proves leaf %i of %i as published", (index, size, proof) => {
    expect(inclusionProof(treeOf(LEAVES), index, size).map(hex)).toEqual(proof);
  });

  test.each([
    [1, 1, []],
    [
      1,
      8,
      [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
      ],
    ],
    [
      6,
      8,
      [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      ],
    ],
    [
      2,
      5,
      [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
      ],
    ],
  ] as const)("proves that size %i came before size %i as published", (from, to, proof) => {
    expect(consistencyProof(treeOf(LEAVES), from, to).map(hex)).toEqual(proof);
  });
});

const leaves = fc.array(fc.uint8Array({ minLength: 0, maxLength: 4 }), { minLength: 1, maxLength: 70 });
const pick = (size: number, share: number) => Math.min(size - 1, Math.floor(share * size));
const share = fc.double({ min: 0, max: 1, noNaN: true });

describe("against the definition, for any leaves", () => {
  test("roots and proofs are the same", () => {
    fc.assert(
      fc.property(leaves, share, share, (data, a, b) => {
        const tree = treeOf(data);
        const size = pick(data.length, a) + 1;
        const index = pick(size, b);
        expect(rootOf(tree, size)).toEqual(naiveRoot(data.slice(0, size)));
        expect(inclusionProof(tree, index, size)).toEqual(naiveInclusion(index, data.slice(0, size)));
        expect(consistencyProof(tree, index + 1, size)).toEqual(naiveConsistency(index + 1, data.slice(0, size)));
      }),
    );
  });

  test("an inclusion proof convinces of its own leaf, place, size and root alone", () => {
    fc.assert(
      fc.property(leaves, share, fc.nat(), (data, b, noise) => {
        const size = data.length;
        const index = pick(size, b);
        const root = naiveRoot(data);
        const proof = naiveInclusion(index, data);
        const leaf = leafHash(data[index] ?? new Uint8Array());
        expect(isIncluded({ index, size, leafHash: leaf, proof }, root)).toBe(true);
        expect(isIncluded({ index, size, leafHash: leafHash(Buffer.from("another leaf")), proof }, root)).toBe(false);
        expect(isIncluded({ index: size, size, leafHash: leaf, proof }, root)).toBe(false);
        expect(isIncluded({ index, size, leafHash: leaf, proof: [...proof, leaf] }, root)).toBe(false);
        if (proof.length === 0) return;
        expect(isIncluded({ index, size, leafHash: leaf, proof: proof.slice(1) }, root)).toBe(false);
        expect(isIncluded({ index, size, leafHash: leaf, proof: flipped(proof, noise) }, root)).toBe(false);
      }),
    );
  });

  test("a consistency proof convinces of its own two trees alone", () => {
    fc.assert(
      fc.property(leaves, share, fc.nat(), (data, b, noise) => {
        const from = pick(data.length, b) + 1;
        const earlier = { size: from, root: naiveRoot(data.slice(0, from)) };
        const later = { size: data.length, root: naiveRoot(data) };
        const proof = naiveConsistency(from, data);
        expect(isConsistent(earlier, later, proof)).toBe(true);
        expect(isConsistent({ ...earlier, root: leafHash(earlier.root) }, later, proof)).toBe(false);
        expect(isConsistent(earlier, { ...later, root: leafHash(later.root) }, proof)).toBe(false);
        expect(isConsistent(earlier, later, [...proof, later.root])).toBe(false);
        if (from < data.length) expect(isConsistent(later, earlier, proof)).toBe(false);
        if (proof.length === 0) return;
        expect(isConsistent(earlier, later, proof.slice(1))).toBe(false);
        expect(isConsistent(earlier, later, flipped(proof, noise))).toBe(false);
      }),
    );
  });

  test("every tree continues the empty one", () => {
    const later = { size: 8, root: naiveRoot(LEAVES) };
    expect(isConsistent({ size: 0, root: EMPTY_ROOT }, later, [])).toBe(true);
    expect(isConsistent({ size: 0, root: later.root }, later, [])).toBe(false);
  });
});

function flipped(proof: readonly Uint8Array[], noise: number): Uint8Array[] {
  const copies = proof.map((hash) => Uint8Array.from(hash));
  const victim = copies[noise % copies.length];
  if (victim !== undefined) victim[noise % 32] = (victim[noise % 32] ?? 0) ^ 0x40;
  return copies;
}
