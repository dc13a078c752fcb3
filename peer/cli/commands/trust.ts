import type { Readable } from "node:stream";
import type { Operations, TrustResult } from "../../messaging/operations.ts";
import type { Command } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { withOperations } from "../with-operations.ts";

export const trust: Command = {
  usage: "trust <contact>",
  summary: "accept a changed key after seeing both fingerprints",
  positionals: { contact: "whose key changed" },
  run: async (args, context) => {
    const username = args.required("contact");
    const result = await withOperations(context, {
      network: true,
      run: (operations) => showThenAccept(operations, username, context),
    });
    await context.output.print({ type: "trust", fields: result, text: `${describeKeys(result)}\n${verdict(result)}` });
    return result.accepted ? EXIT.ok : EXIT.untrusted;
  },
};

function verdict({ username, oldFingerprint, newFingerprint, accepted }: TrustResult): string {
  if (oldFingerprint === newFingerprint) return `the key of ${username} has not changed`;
  return accepted ? `the new key of ${username} is accepted` : "not accepted";
}

/** A person is asked once more; a script has decided by running the command. */
async function showThenAccept(operations: Operations, username: string, context: CliContext): Promise<TrustResult> {
  const shown = await operations.trust({ username });
  if (shown.accepted || !(await isWanted(shown, context))) return shown;
  return await operations.trust({ username, accept: shown.newFingerprint });
}

async function isWanted(shown: TrustResult, { terminal, output, interruption }: CliContext): Promise<boolean> {
  if (output.json || terminal.stdin.isTTY !== true) return true;
  terminal.stderr.write(`${describeKeys(shown)}\nAccept the new key of ${shown.username}? Type yes: `);
  const answer = await readLine(terminal.stdin, interruption.signal);
  return answer?.trim().toLowerCase() === "yes";
}

/** Undefined at the end of the input. */
async function readLine(input: Readable, signal: AbortSignal): Promise<string | undefined> {
  const { createInterface } = await import("node:readline");
  const lines = createInterface({ input, signal });
  for await (const line of lines) return line;
  signal.throwIfAborted();
  return undefined;
}

function describeKeys({ oldFingerprint, newFingerprint }: TrustResult): string {
  return `pinned  ${oldFingerprint}\nnow     ${newFingerprint}`;
}
