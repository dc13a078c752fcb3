import type { ErrorCode } from "../../../shared/errors.ts";
import { ADVICE } from "../advice.ts";
import { EXIT, EXIT_CODES, type ExitCode } from "../exit-codes.ts";

export const VERDICTS = ["ok", "unknown", "warn", "bad"] as const;
export type Verdict = (typeof VERDICTS)[number];

/** One line of a diagnosis. */
export type Check = {
  readonly name: string;
  readonly verdict: Verdict;
  /** One line; text of others in it is made visible where it is printed. */
  readonly message: string;
  /** What to do, where it is not ok. */
  readonly advice?: string;
  /** What is bad, as commands would report it. */
  readonly code?: ErrorCode;
};

export const ok = (name: string, message: string): Check => ({ name, verdict: "ok", message });

export function warn(name: string, message: string, advice: string): Check {
  return { name, verdict: "warn", message, advice };
}

export function unknown(name: string, message: string, advice?: string): Check {
  return { name, verdict: "unknown", message, ...(advice !== undefined && { advice }) };
}

/** `advice`: other than what goes with the code. */
export function bad(
  name: string,
  { code, message }: { readonly code: ErrorCode; readonly message: string },
  advice: string | undefined = ADVICE[code],
): Check {
  return { name, verdict: "bad", message, code, ...(advice !== undefined && { advice }) };
}

/** The worst there is. */
export function verdictOf(checks: readonly Check[]): Verdict {
  const worst = Math.max(0, ...checks.map(({ verdict }) => VERDICTS.indexOf(verdict)));
  return VERDICTS[worst] ?? "bad";
}

/** The graver first: a key that is not to be trusted before all else. */
const BY_GRAVITY = [EXIT.untrusted, EXIT.authentication, EXIT.network, EXIT.user] as const;

/** 0 unless something is bad; then what a command would say that met the gravest of it. */
export function exitCodeOf(checks: readonly Check[]): ExitCode {
  const codes = checks.flatMap(({ verdict, code }) => (verdict === "bad" ? [EXIT_CODES[code ?? "INTERNAL"]] : []));
  if (codes.length === 0) return EXIT.ok;
  return BY_GRAVITY.find((code) => codes.includes(code)) ?? EXIT.network;
}
