import { visibleJson } from "./cli/visible-text.ts";

/** Writes what an operator may want to know; never texts, keys, tokens, names or addresses of others. */
export type Log = (message: string, facts?: Readonly<Record<string, unknown>>) => void;

/** JSON lines on stderr: `warn` tells of failures, `debug` of what goes on and of refusals too. */
export function createLog(level: "warn" | "debug"): Log {
  return (message, { error, ...facts } = {}) => {
    const severity = error === undefined ? "debug" : "warn";
    if (severity === "debug" && level === "warn") return;
    const time = new Date().toISOString();
    process.stderr.write(`${visibleJson({ time, level: severity, message, ...facts, ...describe(error) })}\n`);
  };
}

/** A ChatError's text may quote what came from outside, to a terminal too. Only the unexpected has a stack. */
function describe(error: unknown): object {
  if (!(error instanceof Error)) return {};
  return "code" in error ? { error: error.message } : { error: error.message, stack: error.stack };
}
