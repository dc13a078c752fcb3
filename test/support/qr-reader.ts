import jsqr from "jsqr";

const PIXELS = 4;

/** What a camera reads off a terminal on which these lines are printed, light on dark; undefined where it sees no code. */
export function readQrCode(lines: readonly string[]): string | undefined {
  const width = Math.max(0, ...lines.map((line) => line.length));
  const rows = lines.flatMap((line) => {
    const cells = [...line.padEnd(width)];
    return [cells.map((cell) => "█▀".includes(cell)), cells.map((cell) => "█▄".includes(cell))];
  });
  const image = new Uint8ClampedArray(width * PIXELS * rows.length * PIXELS * 4);
  for (let y = 0; y < rows.length * PIXELS; y += 1) {
    for (let x = 0; x < width * PIXELS; x += 1) {
      const isLight = rows[Math.floor(y / PIXELS)]?.[Math.floor(x / PIXELS)] === true;
      image.set([isLight ? 255 : 0, isLight ? 255 : 0, isLight ? 255 : 0, 255], (y * width * PIXELS + x) * 4);
    }
  }
  const options = { inversionAttempts: "dontInvert" } as const;
  return jsqr.default(image, width * PIXELS, rows.length * PIXELS, options)?.data;
}
