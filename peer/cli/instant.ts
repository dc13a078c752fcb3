import { ChatError } from "../../shared/errors.ts";

const FORM = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)?)?$/;

/**
 * A moment as people write it, in ISO 8601 and UTC: `2026-11-20`, `2026-11-20T18:30` (both local), `...T18:30:00Z`.
 *
 * @param option named in the complaint
 * @throws ChatError USAGE
 */
export function parseInstant(text: string, option: string): string {
  // Date reads a bare date as UTC, but a date with a time as local; people mean local in both.
  const milliseconds = FORM.test(text) ? Date.parse(text.includes("T") ? text : `${text}T00:00`) : Number.NaN;
  if (Number.isNaN(milliseconds)) {
    throw new ChatError("USAGE", `${option} takes a time such as 2026-11-20 or 2026-11-20T18:30:00Z`);
  }
  return new Date(milliseconds).toISOString();
}

/** A moment for people, in local time: `2026-11-20 18:30`. */
export function localTime(iso: string): string {
  const date = new Date(iso);
  const two = (part: number) => String(part).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
