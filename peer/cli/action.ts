import { ChatError } from "../../shared/errors.ts";
import type { Operations } from "../messaging/operations.ts";
import type { Args, Command } from "./command.ts";
import type { CliContext } from "./context.ts";
import { EXIT } from "./exit-codes.ts";
import { withOperations } from "./with-operations.ts";

/** Asks something of a profile, and prints what comes of it. */
export type Action = (operations: Operations, context: CliContext) => Promise<unknown>;

/** Runs a command by the action that its command line names: complaints about that come before anything is opened. */
export function runChosen(choose: (args: Args) => Action): Command["run"] {
  return async (args, context) => {
    const action = choose(args);
    await withOperations(context, { network: false, run: (operations) => action(operations, context) });
    return EXIT.ok;
  };
}

/** Which of a command's actions was typed; the first of them where none was. @throws ChatError USAGE */
export function readAction<Action extends string>(args: Args, actions: readonly [Action, ...Action[]]): Action {
  const typed = args.value("action") ?? actions[0];
  const action = actions.find((one) => one === typed);
  if (action !== undefined) return action;
  throw new ChatError("USAGE", `unknown action "${typed}": ${actions.join(", ")}`);
}
