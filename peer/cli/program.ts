import { ChatError } from "../../shared/errors.ts";
import type { Command } from "./command.ts";
import { chat } from "./commands/chat.ts";
import { completionOf } from "./commands/completion.ts";
import { contacts } from "./commands/contacts.ts";
import { deleteMessage } from "./commands/delete.ts";
import { doctor } from "./commands/doctor.ts";
import { edit } from "./commands/edit.ts";
import { history } from "./commands/history.ts";
import { inbox } from "./commands/inbox.ts";
import { init } from "./commands/init.ts";
import { key } from "./commands/key.ts";
import { listen } from "./commands/listen.ts";
import { lookup } from "./commands/lookup.ts";
import { online } from "./commands/online.ts";
import { outbox } from "./commands/outbox.ts";
import { presence } from "./commands/presence.ts";
import { react } from "./commands/react.ts";
import { register } from "./commands/register.ts";
import { relay } from "./commands/relay.ts";
import { sandbox } from "./commands/sandbox.ts";
import { schema } from "./commands/schema.ts";
import { send } from "./commands/send.ts";
import { status } from "./commands/status.ts";
import { token } from "./commands/token.ts";
import { trust } from "./commands/trust.ts";
import { verify } from "./commands/verify.ts";
import { whoami } from "./commands/whoami.ts";
import { loadSettings } from "./config.ts";
import type { Dependencies, Terminal } from "./context.ts";
import { EXIT, EXIT_CODES, type ExitCode } from "./exit-codes.ts";
import { interruptible } from "./interruption.ts";
import { createOutput, type Output } from "./output.ts";
import { parseCommandLine } from "./parse.ts";

/** In the order of the help. */
export const COMMANDS: readonly Command[] = [
  init,
  register,
  listen,
  send,
  chat,
  edit,
  deleteMessage,
  react,
  history,
  inbox,
  outbox,
  contacts,
  verify,
  trust,
  lookup,
  key,
  online,
  presence,
  status,
  whoami,
  token,
  doctor,
  relay,
  sandbox,
  schema,
  completionOf(() => COMMANDS),
];

export type ProgramOptions = {
  readonly argv: readonly string[];
  readonly version: string;
  readonly terminal: Terminal;
  readonly dependencies: Dependencies;
};

/** Runs one command line to its end; nothing is thrown. */
export async function runProgram({ argv, version, terminal, dependencies }: ProgramOptions): Promise<ExitCode> {
  // A wrong command line must still be answered in JSON where that was asked for.
  let output = createOutput(terminal, { json: asksForJson(argv), quiet: false });
  try {
    const parsed = parseCommandLine(argv, { commands: COMMANDS, version });
    if ("help" in parsed) {
      output = createOutput(terminal, { json: false, quiet: false });
      await output.print({ type: "help", fields: {}, text: parsed.help });
      return await whole(EXIT.ok, output);
    }
    const { command, args, flags } = parsed;
    output = createOutput(terminal, { json: flags["json"] === true, quiet: flags["quiet"] === true });
    const settings = loadSettings({ env: terminal.env, flags });
    const verbose = flags["verbose"] === true;
    using interruption = interruptible();
    const code = await command.run(args, { settings, verbose, output, terminal, dependencies, interruption });
    return await whole(code, output);
  } catch (error) {
    const failure = asChatError(error);
    await output.error(failure);
    return EXIT_CODES[failure.code];
  }
}

/** A result that could not be written is no success, whatever the command came to. */
async function whole(code: ExitCode, output: Output): Promise<ExitCode> {
  const { lost } = output;
  if (code !== EXIT.ok || lost === undefined) return code;
  await output.error(lost);
  return EXIT_CODES[lost.code];
}

function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return argv.slice(0, end === -1 ? argv.length : end).includes("--json");
}

function asChatError(error: unknown): ChatError {
  if (error instanceof ChatError) return error;
  return new ChatError("INTERNAL", error instanceof Error ? error.message : "unexpected", { cause: error });
}
