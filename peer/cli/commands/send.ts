import { utf8 } from "../../../shared/bytes.ts";
import { ChatError, isChatError } from "../../../shared/errors.ts";
import { readText } from "../../../shared/text.ts";
import type { SendParams, SendResult } from "../../messaging/operations/messages.ts";
import type { BatchItem } from "../batch/batch-file.ts";
import type { Args, Command } from "../command.ts";
import type { CliContext } from "../context.ts";
import { DELIVERY_OPTIONS, deliveryExitCode, describeDelivery, readDelivery } from "../delivering.ts";
import type { ExitCode } from "../exit-codes.ts";
import { readLifetime } from "../lifetime.ts";
import { monotonicMs } from "../monotonic-clock.ts";
import { readMessage } from "../stdin.ts";
import { withOperations } from "../with-operations.ts";

const MAX_ID_LENGTH = 128;

export const send: Command = {
  usage: "send <to> [message]",
  summary: "send a message and wait until it is there",
  positionals: {
    to: "to whom; several with commas between them",
    message: "the text; other users of this machine can see it in the process list, so better pipe it in, or -",
  },
  options: {
    ...DELIVERY_OPTIONS,
    id: { value: "KEY", describe: "your name for this message: the same again changes nothing" },
    "reply-to": { value: "ID", completes: "message", describe: "the message that this one answers" },
    expire: { value: "TIME", describe: "both sides forget it after this time, such as 1h or 7d" },
    batch: {
      value: "FILE",
      completes: "file",
      describe: "send what its lines say, each a JSON object {to, text, id?}; - reads standard input",
      standsAlone: true,
    },
  },
  completes: { to: "contact" },
  examples: [
    ['p2pchat send bob "hi"', "say it, and wait until bob's device has it"],
    ["p2pchat send bob --timeout 30s < report.txt", "what a file says"],
    ['df -h | p2pchat send bob --id "disk-2026-11-21" --json', "from a script; doing it again changes nothing"],
    ["p2pchat send bob --wait queued -- '-5 degrees'", "text that begins with a dash, without waiting"],
    ['p2pchat send bob,carol "the build is red"', "to several people"],
    ["p2pchat send --batch messages.ndjson --json", "what the lines of a file say"],
  ],
  run: async (args, context) => {
    const delivery = readDelivery(args);
    const extras = readExtras(args);
    const to = args.required("to");
    if (args.value("batch") !== undefined || to.includes(",")) return await sendTogether(args, extras, context);
    const text = await readBody(args, context);
    const result = await sendInTime({ to, text, ...delivery, ...extras }, context);
    await context.output.print({ type: "send", fields: result, text: describeDelivery(result) });
    return deliveryExitCode(result, delivery.wait);
  },
};

type Extras = Pick<SendParams, "id" | "replyTo" | "expireSeconds">;

async function sendTogether(args: Args, extras: Extras, context: CliContext): Promise<ExitCode> {
  if (extras.replyTo !== undefined) throw new ChatError("USAGE", "--reply-to goes with one recipient");
  const { sendSeveral } = await import("../batch/send-several.ts");
  return await sendSeveral(await readItems(args, extras, context), readDelivery(args), context);
}

async function readItems(args: Args, extras: Extras, context: CliContext): Promise<readonly BatchItem[]> {
  const file = args.value("batch");
  const { id, ...common } = extras;
  if (file === undefined) {
    const people = readPeople(args.required("to"));
    const text = await readBody(args, context);
    return people.map((to) => ({ to, text, ...common, ...(id !== undefined && { id: `${id}/${to}` }) }));
  }
  if (args.value("to") !== undefined) throw new ChatError("USAGE", "--batch has its recipients and texts in the file");
  if (id !== undefined) throw new ChatError("USAGE", "--batch has an id in each line, if any");
  const { readBatch } = await import("../batch/batch-file.ts");
  const items = await readBatch(file, context.terminal.stdin, context.interruption.signal);
  return items.map((item) => ({ ...item, ...common }));
}

function readPeople(typed: string): readonly string[] {
  const people = typed.split(",").map((name) => name.trim().toLowerCase());
  if (people.includes("")) throw new ChatError("USAGE", "a name is missing beside a comma");
  const twice = people.find((name, index) => people.indexOf(name) !== index);
  if (twice !== undefined) throw new ChatError("USAGE", `${twice} is named twice`);
  return people;
}

function readExtras(args: Args): Extras {
  const [id, replyTo] = [readId(args), args.value("reply-to")];
  const expireSeconds = readLifetime(args.value("expire"));
  return {
    ...(id !== undefined && { id }),
    ...(replyTo !== undefined && { replyTo }),
    ...(expireSeconds !== undefined && { expireSeconds }),
  };
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
