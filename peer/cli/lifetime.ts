import { ChatError } from "../../shared/errors.ts";

const FORM = /^(\d{1,5})(s|m|h|d|w)$/;
const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const MAX_SECONDS = 366 * 86_400;

/** As `readLifetime` takes it, in the largest unit of which it is whole. */
export function sayLifetime(seconds: number): string {
  const whole = Object.entries(UNIT_SECONDS).findLast(([, unit]) => seconds % unit === 0);
  const [name, unit] = whole ?? ["s", 1];
  return `${seconds / unit}${name}`;
}

/**
 * Seconds of a time such as `30m`, `1h`, `7d` or `4w`, from one second to a year; undefined where nothing is asked for.
 *
 * @throws ChatError USAGE
 */
export function readLifetime(text: string | undefined, option = "--expire"): number | undefined {
  if (text === undefined) return undefined;
  const [, amount, unit = ""] = FORM.exec(text) ?? [];
  const seconds = Number(amount) * (UNIT_SECONDS[unit] ?? Number.NaN);
  if (seconds >= 1 && seconds <= MAX_SECONDS) return seconds;
  throw new ChatError("USAGE", `${option} takes a time from 1s to 366d, such as 30m, 1h, 7d or 4w`);
}
