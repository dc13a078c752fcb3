import { ChatError } from "../../../shared/errors.ts";
import type { VisibilityView } from "../../messaging/operations/status.ts";
import type { Args, Command } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import { withOperations } from "../with-operations.ts";

export const presence: Command = {
  usage: "presence [state]",
  summary: "whether others see you online: on, off",
  positionals: { state: "on or off; shows it without one" },
  completes: { state: ["on", "off"] },
  examples: [["p2pchat presence off", "be on no list"]],
  run: async (args, context) => {
    const params = readState(args);
    const found = await withOperations(context, {
      network: false,
      run: (operations) => operations.visibility(params),
    });
    await context.output.print({ type: "visibility", fields: found, text: describe(found) });
    return EXIT.ok;
  },
};

function readState(args: Args): { visible?: boolean } {
  const state = args.value("state");
  if (state === undefined) return {};
  if (state === "on" || state === "off") return { visible: state === "on" };
  throw new ChatError("USAGE", `"${state}" is neither on nor off`);
}

function describe({ visible, published }: VisibilityView): string {
  if (visible) return `on: while you listen, others see you online${published ? ", as they do now" : ""}`;
  const now = published
    ? "\nyour addresses are still published: the naming server could not be asked to forget them"
    : "";
  return `off: you are on no list, and only who you write to can reach you${now}`;
}
