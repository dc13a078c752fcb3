import { ChatError, isChatError } from "../../../shared/errors.ts";
import type { SendParams } from "../../messaging/operations/messages.ts";
import type { CliContext } from "../context.ts";
import { deliveryExitCode, describeDelivery } from "../delivering.ts";
import { EXIT_CODES, type ExitCode, worstOf } from "../exit-codes.ts";
import { visibleLine } from "../visible-text.ts";
import { withOperations } from "../with-operations.ts";
import type { BatchItem } from "./batch-file.ts";
import { type BatchOutcome, queueBatch, type SendBatchOptions, sendBatch } from "./send-batch.ts";

const BAR_WIDTH = 30;

/** Sends messages together and prints what became of each, in their order; the worst of it is the exit code. */
export async function sendSeveral(
  items: readonly BatchItem[],
  { wait, timeoutMs }: Pick<SendParams, "wait" | "timeoutMs">,
  context: CliContext,
): Promise<ExitCode> {
  const { signal } = context.interruption;
  const options = { wait, timeoutMs, signal };
  const printed = (outcomes: AsyncIterable<BatchOutcome>) => printAll(outcomes, { total: items.length, wait }, context);
  try {
    return await withOperations(context, {
      network: true,
      timeoutMs,
      run: (operations) => printed(sendBatch(operations, items, options)),
    });
  } catch (error) {
    if (!isChatError(error, "PROFILE_BUSY")) throw error;
    return await printed(await queueBeside(items, options, context));
  }
}

async function queueBeside(items: readonly BatchItem[], options: SendBatchOptions, context: CliContext) {
  const { settings, dependencies } = context;
  const directory = dependencies.openDirectory({ home: settings.home, profile: settings.profile, create: false });
  const { queueMessage } = await dependencies.loadPrograms();
  const { signal } = options;
  return queueBatch((params) => queueMessage({ settings, directory, signal }, params), items, options);
}

async function printAll(
  outcomes: AsyncIterable<BatchOutcome>,
  { total, wait }: { readonly total: number; readonly wait: SendParams["wait"] },
  { output }: CliContext,
): Promise<ExitCode> {
  const codes: ExitCode[] = [];
  output.progress(bar(0, total));
  try {
    for await (const { item, came } of outcomes) {
      output.progress("");
      codes.push(came instanceof ChatError ? EXIT_CODES[came.code] : deliveryExitCode(came, wait));
      const place = item.line === undefined ? {} : { line: item.line };
      if (came instanceof ChatError) {
        await output.error(came, { fields: { to: item.to, ...place }, text: `${nameOf(item)}: ` });
      } else {
        await output.print({ type: "send", fields: { ...came, ...place }, text: describeDelivery(came) });
      }
      output.progress(bar(codes.length, total));
    }
  } finally {
    output.progress("");
  }
  return worstOf(codes);
}

function nameOf({ to, line }: BatchItem): string {
  return line === undefined ? visibleLine(to) : `line ${line} (${visibleLine(to)})`;
}

function bar(done: number, total: number): string {
  const full = total === 0 ? BAR_WIDTH : Math.floor((done / total) * BAR_WIDTH);
  return `[${"#".repeat(full)}${"-".repeat(BAR_WIDTH - full)}] ${done}/${total}`;
}
