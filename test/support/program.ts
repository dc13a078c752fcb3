import { onTestFinished } from "vitest";
import { Program as OwnProgram, type StartOptions } from "../../peer/sandbox/program.ts";
import { complaintAbout, isPrinted } from "./printed.ts";

export type { Line, Outcome, StartOptions } from "../../peer/sandbox/program.ts";

/** A machine may have much else to do. */
const PATIENCE_MS = 60_000;

/** A command at work, which ends with its test at the latest; what it printed with `--json` must fit its schemas. */
export class Program extends OwnProgram {
  constructor(commandLine: readonly string[], options: StartOptions) {
    super(commandLine, { patienceMs: PATIENCE_MS, ...options });
    onTestFinished(() => end(this));
  }
}

async function end(program: OwnProgram): Promise<void> {
  if (program.isRunning) {
    program.signal("SIGKILL");
    await program.exited.catch(() => undefined);
  }
  const wrong = program.seen.filter(isPrinted).map(complaintAbout).find(Boolean);
  if (wrong !== undefined) throw program.complaint(`printed ${wrong}`);
}
