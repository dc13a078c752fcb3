import { ChatError } from "../../shared/errors.ts";
import type { Args } from "./command.ts";

/** Which of a command's actions was typed; the first of them where none was. @throws ChatError USAGE */
export function readAction<Action extends string>(args: Args, actions: readonly [Action, ...Action[]]): Action {
  const typed = args.value("action") ?? actions[0];
  const action = actions.find((one) => one === typed);
  if (action !== undefined) return action;
  throw new ChatError("USAGE", `unknown action "${typed}": ${actions.join(", ")}`);
}
