/*
 * Public keys by the letter of RFC 8032 5.1.3 and 5.1.4, slowly: the point is recovered and multiplied by eight.
 */

const P = 2n ** 255n - 19n;
const D = mod(-121665n * power(121666n, P - 2n));
const SQRT_MINUS_ONE = power(2n, (P - 1n) / 4n);

function mod(value: bigint): bigint {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = mod(base), rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}

/** Affine coordinates of an encoding with y below `P`, or undefined where no curve point has it. RFC 8032 5.1.3. */
function decodePoint(publicKey: Uint8Array): { x: bigint; y: bigint } | undefined {
  const encoded = BigInt(`0x${Buffer.from(publicKey).reverse().toString("hex")}`);
  const y = encoded & (2n ** 255n - 1n);
  const xIsOdd = encoded >> 255n === 1n;
  if (y >= P) return undefined;
  const ySquared = mod(y * y);
  const u = mod(ySquared - 1n);
  const v = mod(D * ySquared + 1n);
  let x = mod(u * power(v, 3n) * power(u * power(v, 7n), (P - 5n) / 8n));
  if (mod(v * x * x) !== u) x = mod(x * SQRT_MINUS_ONE);
  if (mod(v * x * x) !== u) return undefined;
  if (x === 0n && xIsOdd) return undefined;
  return { x: (x & 1n) === (xIsOdd ? 1n : 0n) ? x : P - x, y };
}

/** Doubles in projective coordinates, which spares every inversion. RFC 8032 5.1.4. */
function double({ x, y, z }: { x: bigint; y: bigint; z: bigint }): { x: bigint; y: bigint; z: bigint } {
  const h = mod(x * x + y * y);
  const e = mod(h - (x + y) ** 2n);
  const g = mod(x * x - y * y);
  const f = mod(2n * z * z + g);
  return { x: mod(e * f), y: mod(g * h), z: mod(f * g) };
}

/** True where 8P is the identity. */
function isSmallOrder(point: { x: bigint; y: bigint }): boolean {
  const { x, y, z } = double(double(double({ ...point, z: 1n })));
  return x === 0n && y === z;
}

/** True for the canonical encoding of a point whose eightfold is not the identity. */
export function isSoundPublicKey(publicKey: Uint8Array): boolean {
  const point = decodePoint(publicKey);
  return point !== undefined && !isSmallOrder(point);
}
