import { ChatError } from "../../../shared/errors.ts";
import type { ChatEvent } from "../../messaging/operations/feed.ts";
import type { CliContext } from "../context.ts";
import { jsonLine } from "../output.ts";
import { visibleLine, visibleReason } from "../visible-text.ts";
import { CommandQueue } from "./command-queue.ts";
import type { PlacedEvent } from "./places.ts";
import { isEnd, printEvent, type Taking } from "./print-events.ts";
import { type CommandLine, findCommand, runCommand } from "./run-command.ts";

export type ExecOptions = CommandLine & {
  readonly jobs: number;
  readonly timeoutMs: number;
  /** How often an event is tried again before it is given up. */
  readonly retries: number;
};

/** How long commands may go on once nothing more is wanted. */
const GRACE_MS = 5000;

/**
 * Gives each event to a command, whose exit code 0 acknowledges it. Standard output is told as long as somebody reads
 * there, and is not waited for.
 *
 * @throws ChatError USAGE where the command cannot be run
 */
export function runForEvents(options: ExecOptions, { env }: CliContext["terminal"]): Taking {
  const file = findCommand(options.file, env["PATH"]);
  return async (consumer, context) => {
    const { output, terminal, interruption } = context;
    const [killing, ending] = [new AbortController(), new AbortController()];
    const queue = new CommandQueue({
      jobs: options.jobs,
      retries: options.retries,
      run: (event) => runFor(event, { ...options, file, signal: killing.signal }, context),
      givenUp: (event, tries, why) => reportGivenUp(givenUp(event, { file, tries, why }), context),
      ahead: consumer.ahead,
      acknowledge: (cursor, ahead) => consumer.acknowledge(cursor, ahead),
      failed: (error) => ending.abort(error),
      after(ms, run) {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
    });
    const stop = () => void queue.stop();
    const signal = AbortSignal.any([interruption.signal, ending.signal]);
    signal.addEventListener("abort", stop, { once: true });
    try {
      for await (const event of consumer.events(signal)) {
        if (!terminal.stdout.writableNeedDrain && !queue.isDone(event)) void printEvent(event, output);
        await queue.add(event);
        if (isEnd(event)) return "unsafe";
      }
      ending.signal.throwIfAborted();
      return "ended";
    } finally {
      const timer = setTimeout(() => killing.abort(), GRACE_MS);
      await queue.stop();
      clearTimeout(timer);
    }
  };
}

async function runFor(
  { type, ...fields }: ChatEvent,
  { signal, timeoutMs, ...command }: ExecOptions & { readonly signal: AbortSignal },
  { output, settings, terminal }: CliContext,
): Promise<string | undefined> {
  // What it starts in turn is to speak for the same profile.
  const env = { ...terminal.env, P2PCHAT_HOME: settings.home, P2PCHAT_PROFILE: settings.profile };
  const failure = await runCommand(command, { input: jsonLine(type, fields), env, timeoutMs, signal });
  if (failure !== undefined) output.note(`${command.file} ${visibleReason(failure)}`);
  return failure;
}

function givenUp(
  event: PlacedEvent,
  { file, tries, why }: { readonly file: string; readonly tries: number; readonly why: string },
): ChatError {
  const { type, from, cursor } = event;
  const id = "id" in event ? event.id : undefined;
  const which = `${type} of ${visibleLine(from)}${id === undefined ? "" : ` (${id})`}`;
  const message = `gave up the ${which}: ${file} ${visibleReason(why)}; tries: ${tries}`;
  return new ChatError("COMMAND_FAILED", message, {
    details: { event: type, ...(id !== undefined && { id }), from, cursor, tries },
  });
}

/** For people on standard error; for programs on standard output, as long as somebody reads there. */
function reportGivenUp(error: ChatError, { output, terminal }: CliContext): void {
  if (output.json && terminal.stdout.writableNeedDrain) return;
  void output.error(error);
}
