import { ChatError } from "../../shared/errors.ts";

const FORM = /^(\d{1,9})(ms|s|m|h)$/;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const MAX_MS = 24 * 3_600_000;

/**
 * Milliseconds of a duration such as `500ms`, `10s`, `5m` or `1h`; at most a day.
 *
 * @param option named in the complaint
 * @throws ChatError USAGE
 */
export function parseDuration(text: string, option: string): number {
  const [, amount, unit = ""] = FORM.exec(text) ?? [];
  const milliseconds = Number(amount) * (UNIT_MS[unit] ?? Number.NaN);
  if (milliseconds <= MAX_MS) return milliseconds;
  throw new ChatError("USAGE", `${option} takes a duration of at most 24h, such as 500ms, 10s, 5m or 1h`);
}
