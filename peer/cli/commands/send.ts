import { utf8 } from "../../../shared/bytes.ts";
import { ChatError, isChatError } from "../../../shared/errors.ts";
import { readText } from "../../../shared/text.ts";
import type { SendParams, SendResult } from "../../messaging/operations.ts";
import type { Args, Command } from "../command.ts";
import type { CliContext } from "../context.ts";
import { parseDuration } from "../duration.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { monotonicMs } from "../monotonic-clock.ts";
import { readMessage } from "../stdin.ts";
import { visibleReason } from "../visible-text.ts";
import { withOperations } from "../with-operations.ts";

const MAX_ID_LENGTH = 128;

export const send: Command = {
  usage: "send <to> [message]",
  summary: "send a message and wait until it is there",
  positionals: {
    to: "to whom",
    message: "the text; other users of this machine can see it in the process list, so better pipe it in, or -",
  },
  options: {
    wait: {
      value: "STATE",
      describe: "queued (safe here), relayed (in their mailbox) or stored (on a device of theirs); stored by default",
    },
    timeout: { value: "TIME", describe: "how long to wait; 10s unless said otherwise" },
    id: { value: "KEY", describe: "your name for this message: the same again changes nothing" },
  },
  run: async (args, context) => {
    const wait = readWait(args);
    const timeoutMs = parseDuration(args.value("timeout") ?? "10s", "--timeout");
    const id = readId(args);
    const text = await readBody(args, context);
    const params = { to: args.required("to"), text, wait, timeoutMs, ...(id !== undefined && { id }) };
    const result = await sendInTime(params, context);
    await context.output.print({ type: "send", fields: result, text: describe(result) });
    return exitCode(result, wait);
  },
};

function readWait(args: Args): SendParams["wait"] {
  const wait = args.value("wait") ?? "stored";
  if (wait === "queued" || wait === "relayed" || wait === "stored") return wait;
  throw new ChatError("USAGE", `--wait takes queued, relayed or stored, not "${wait}"`);
}

function readId(args: Args): string | undefined {
  const id = args.value("id");
  if (id === undefined || id.length <= MAX_ID_LENGTH) return id;
  throw new ChatError("USAGE", `--id takes at most ${MAX_ID_LENGTH} characters`);
}

/** The message as an argument, or what is piped in where there is none or it is `-`. */
function readBody(args: Args, { terminal, interruption }: CliContext): Promise<string> | string {
  const typed = args.value("message");
  if (typed !== undefined && typed !== "-") return readText(utf8(typed));
  if (typed === undefined && terminal.stdin.isTTY) {
    throw new ChatError("USAGE", "no message: give one as an argument, or pipe it in");
  }
  return readMessage(terminal.stdin, interruption.signal);
}

/** The time is for all of it: for whoever else holds the profile, and for the delivery. */
async function sendInTime(params: SendParams, context: CliContext): Promise<SendResult> {
  const { timeoutMs } = params;
  const end = monotonicMs() + timeoutMs;
  const left = () => ({ ...params, timeoutMs: Math.max(0, Math.round(end - monotonicMs())) });
  try {
    return await withOperations(context, { network: true, timeoutMs, run: (operations) => operations.send(left()) });
  } catch (error) {
    if (!isChatError(error, "PROFILE_BUSY")) throw error;
    return await queueBeside(params, context);
  }
}

/** The profile stays in somebody else's hands: the message waits for them, or for the next command. */
async function queueBeside(
  params: SendParams,
  { settings, dependencies, interruption }: CliContext,
): Promise<SendResult> {
  const directory = dependencies.openDirectory({ home: settings.home, profile: settings.profile, create: false });
  const programs = await dependencies.loadPrograms();
  return await programs.queueMessage({ settings, directory, signal: interruption.signal }, params);
}

function exitCode({ state }: SendResult, wait: SendParams["wait"]): ExitCode {
  if (state === "failed") return EXIT.user;
  const isFarEnough = state === "stored" || wait === "queued" || wait === state;
  return isFarEnough ? EXIT.ok : EXIT.notDelivered;
}

function describe({ id, to, state, devices }: SendResult): string {
  if (state === "stored") return `delivered to ${to} (${id})`;
  const why = devices.map(({ error, reason }) => reason ?? error).find((part) => part !== undefined);
  const because = why === undefined ? "" : `: ${visibleReason(why)}`;
  if (state === "failed") return `failed to reach ${to} (${id})${because}`;
  if (state === "relayed") {
    return `left in a mailbox for ${to} (${id})\nIt stays in the outbox until a device of theirs has it.`;
  }
  return `queued for ${to} (${id})${because}\nIt is safe in the outbox; a running p2pchat listen, or the next send, goes on trying.`;
}
