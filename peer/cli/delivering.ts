import { ChatError } from "../../shared/errors.ts";
import type { SendResult, Waiting } from "../messaging/operations/messages.ts";
import type { Args, Option } from "./command.ts";
import { describeTrouble } from "./describe-trouble.ts";
import { parseDuration } from "./duration.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";

/** What commands that send something take. */
export const DELIVERY_OPTIONS = {
  wait: {
    value: "STATE",
    completes: ["queued", "relayed", "stored", "displayed"],
    describe:
      "queued (safe here), relayed (in their mailbox), stored (on a device of theirs), displayed; stored by default",
  },
  timeout: { value: "TIME", describe: "how long to wait; 10s unless said otherwise" },
} as const satisfies Record<string, Option>;

const STATES: readonly Waiting[] = ["queued", "relayed", "stored", "displayed"];

export function readDelivery(args: Args): { readonly wait: Waiting; readonly timeoutMs: number } {
  const text = args.value("wait") ?? "stored";
  const wait = STATES.find((state) => state === text);
  if (wait === undefined) throw new ChatError("USAGE", `--wait takes ${STATES.join(", ")}, not "${text}"`);
  return { wait, timeoutMs: parseDuration(args.value("timeout") ?? "10s", "--timeout") };
}

export function deliveryExitCode({ state }: SendResult, wait: Waiting): ExitCode {
  if (state === "failed") return EXIT.user;
  return STATES.indexOf(state) >= STATES.indexOf(wait) ? EXIT.ok : EXIT.notDelivered;
}

const RELAYED = [
  "It stays in the outbox until a device of theirs says that it has it, which it does not say to strangers.",
  "A running p2pchat listen hears of that, or the next send or outbox retry.",
].join("\n");

export function describeDelivery({ id, to, state, devices }: SendResult): string {
  if (state === "displayed") return `seen by ${to} (${id})`;
  if (state === "stored") return `delivered to ${to} (${id})`;
  const why = devices.map(describeTrouble).find((part) => part !== "");
  const because = why === undefined ? "" : `: ${why}`;
  if (state === "failed") return `failed to reach ${to} (${id})${because}`;
  if (state === "relayed") {
    return `left in a mailbox for ${to} (${id})\n${RELAYED}`;
  }
  return `queued for ${to} (${id})${because}\nIt is safe in the outbox; a running p2pchat listen, or the next send, goes on trying.`;
}
