import { ChatError } from "../../../shared/errors.ts";
import type { OutboxItem } from "../../messaging/operations/messages.ts";
import type { Operations } from "../../messaging/operations.ts";
import { readAction } from "../action.ts";
import type { Args, Command } from "../command.ts";
import { describeTrouble } from "../describe-trouble.ts";
import { EXIT } from "../exit-codes.ts";
import { localTime } from "../instant.ts";
import type { Result } from "../output.ts";
import { table } from "../table.ts";
import { withOperations } from "../with-operations.ts";

const WITHDRAWN =
  "It had been left in a mailbox. Their device is told to delete it: they may have read it before that arrives.";

const ACTIONS = ["list", "retry", "cancel"] as const;

export const outbox: Command = {
  usage: "outbox [action] [id]",
  summary: "what is not delivered yet, and why: list, retry, cancel",
  positionals: {
    action: "list (unless said otherwise), retry or cancel",
    id: "the message; retry without one tries all",
  },
  completes: { action: ACTIONS, id: "waiting-message" },
  examples: [
    ["p2pchat outbox", "what is not delivered yet"],
    ["p2pchat outbox retry", "try all of it now"],
    ["p2pchat outbox cancel 7c0e0f3a9b5d4c1e8f2a6b7c8d9e0f10", "take one message back"],
  ],
  run: async (args, context) => {
    const { network, run } = chooseAction(args);
    await context.output.print(await withOperations(context, { network, run }));
    return EXIT.ok;
  },
};

type Action = { readonly network: boolean; readonly run: (operations: Operations) => Promise<Result> };

/** Complains about the command line before anything is opened. */
function chooseAction(args: Args): Action {
  const action = readAction(args, ACTIONS);
  const id = args.value("id");
  if (action === "retry") return { network: true, run: (operations) => retry(operations, id) };
  if (action === "cancel") {
    if (id === undefined) throw new ChatError("USAGE", "outbox cancel needs the id of a message");
    return { network: true, run: (operations) => cancel(operations, id) };
  }
  if (id !== undefined) throw new ChatError("USAGE", "outbox list takes no id");
  return { network: false, run: list };
}

async function list(operations: Operations): Promise<Result> {
  const { items } = await operations.outboxList();
  return { type: "outbox", fields: { items }, text: table(items.map(describeItem)) };
}

async function retry(operations: Operations, id: string | undefined): Promise<Result> {
  const fields = await operations.outboxRetry(id === undefined ? {} : { id });
  return { type: "outbox-retry", fields, text: `trying ${fields.retried} again` };
}

async function cancel(operations: Operations, id: string): Promise<Result> {
  const fields = await operations.outboxCancel({ id });
  const text = fields.withdrawn ? `withdrawn (${id})\n${WITHDRAWN}` : `cancelled ${fields.cancelled}`;
  return { type: "outbox-cancel", fields, text };
}

function describeItem(item: OutboxItem): string[] {
  const { id, to, state, queuedAt, attempts } = item;
  return [id, to, state, localTime(queuedAt), `${attempts} attempts`, describeTrouble(item)];
}
