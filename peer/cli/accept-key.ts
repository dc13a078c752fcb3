import { readLine } from "./ask.ts";
import type { CliContext } from "./context.ts";

type Keys = { readonly oldFingerprint: string; readonly newFingerprint: string; readonly accepted: boolean };

/**
 * Shows both fingerprints and accepts the new key, where that is wanted: a person is asked once more, a script has decided
 * by running the command.
 *
 * @param show  with the fingerprint that was shown, accepts it
 * @param describe  what a person sees before they are asked
 */
export async function showThenAccept<T extends Keys>(
  show: (accept?: string) => Promise<T>,
  whose: string,
  context: CliContext,
  describe: (keys: T) => string = describeKeys,
): Promise<T> {
  const shown = await show();
  if (shown.accepted || !(await isWanted(describe(shown), whose, context))) return shown;
  return await show(shown.newFingerprint);
}

async function isWanted(
  facts: string,
  whose: string,
  { terminal, output, interruption }: CliContext,
): Promise<boolean> {
  if (output.json || terminal.stdin.isTTY !== true) return true;
  terminal.stderr.write(`${facts}\nAccept the new key of ${whose}? Type yes: `);
  const answer = await readLine(terminal.stdin, interruption.signal);
  return answer?.trim().toLowerCase() === "yes";
}

export function describeKeys({ oldFingerprint, newFingerprint }: Keys): string {
  return `pinned  ${oldFingerprint}\nnow     ${newFingerprint}`;
}

/** What came of it, in words. */
export function verdictOn({ oldFingerprint, newFingerprint, accepted }: Keys, whose: string): string {
  if (oldFingerprint === newFingerprint) return `the key of ${whose} has not changed`;
  return accepted ? `the new key of ${whose} is accepted` : "not accepted";
}
