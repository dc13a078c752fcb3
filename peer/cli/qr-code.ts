import { encode } from "uqr";

/** Light all around, as ISO/IEC 18004 asks for. */
const QUIET_MODULES = 4;
/** What one character shows of two rows, by whether the upper and the lower module are light. */
const HALVES = { "true true": "█", "true false": "▀", "false true": "▄", "false false": " " } as const;

/**
 * Text as a QR code of half blocks, two rows a line. Light modules are drawn and dark ones left out, which is right on
 * the dark ground of most terminals; where `paint` is true, black and white are set, and the ground does not matter.
 */
export function qrCode(text: string, { paint }: { readonly paint: boolean }): string {
  const { data, size } = encode(text, { ecc: "M", border: QUIET_MODULES });
  const lines: string[] = [];
  for (let row = 0; row < size; row += 2) lines.push(lineOf(data[row] ?? [], data[row + 1]));
  return (paint ? lines.map((line) => `\x1b[97;40m${line}\x1b[0m`) : lines).join("\n");
}

/** Below an odd last row there is only the terminal's ground. */
function lineOf(upper: readonly boolean[], lower: readonly boolean[] | undefined): string {
  return upper.map((isDark, column) => HALVES[`${!isDark} ${!(lower?.[column] ?? true)}`]).join("");
}
