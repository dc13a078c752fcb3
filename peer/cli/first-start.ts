import { ChatError, isChatError } from "../../shared/errors.ts";
import { readUsername } from "../../shared/username.ts";
import type { Identity } from "../messaging/operations/status.ts";
import { ADVICE } from "./advice.ts";
import { askLine, askYesOrNo } from "./ask.ts";
import type { CliContext, RegisterOptions } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { readInvite } from "./invite.ts";
import { readPeerId } from "./profile-peer-id.ts";
import { visibleReason } from "./visible-text.ts";

/** Asks for what a profile needs, makes it, and says how to go on. */
export async function firstStart(context: CliContext): Promise<ExitCode> {
  assertCanAsk(context);
  assertNobodyYet(context);
  const identity = await registerAsked(context, {
    settings: { ...context.settings, server: await askServer(context) },
    username: await askName(context),
    sealed: await askSealed(context),
    hidden: !(await askYesOrNo("Show others when you are online?", true, context)),
    amend: (refusal) => amend(refusal, context),
    verbose: context.verbose,
    signal: context.interruption.signal,
  });
  await context.output.print({ type: "registered", fields: identity, text: describe(identity) });
  return EXIT.ok;
}

function assertCanAsk({ terminal, output }: CliContext): void {
  if (terminal.stdin.isTTY === true && !output.json) return;
  throw new ChatError("USAGE", "init asks questions, on a terminal only; use p2pchat register <username> --server URL");
}

function assertNobodyYet({ dependencies, settings }: CliContext): void {
  try {
    readPeerId(dependencies.openDirectory({ home: settings.home, profile: settings.profile, create: false }));
  } catch (error) {
    if (isChatError(error, "PROFILE_MISSING")) return;
    throw error;
  }
  throw new ChatError("PROFILE_EXISTS", `the profile "${settings.profile}" has a name already; see p2pchat whoami`);
}

/** Asks until a naming server answers there; not at all where the one that was set does. */
async function askServer(context: CliContext): Promise<string> {
  const { settings, dependencies, interruption } = context;
  const { doctor } = await dependencies.loadDoctor();
  const probe = async (url: string) => (await doctor.probeServer({ settings, url, signal: interruption.signal })).url;
  say(context, "A naming server tells others which key is yours. It sees no messages. Anybody can run one.");
  let given = settings.server;
  return await untilAccepted(context, async () => {
    if (given === undefined) return await probe(await askServerUrl(context));
    const url = given;
    given = undefined;
    say(context, `Naming server: ${visibleReason(url)}`);
    return await probe(url);
  });
}

/** Enter tries the one that was set again. */
async function askServerUrl(context: CliContext): Promise<string> {
  const { server } = context.settings;
  const typed = await askLine(`Naming server${server === undefined ? "" : ` [${visibleReason(server)}]`}: `, context);
  if (typed === "" && server !== undefined) return server;
  if (typed === "") throw new ChatError("USAGE", FOR_EXAMPLE);
  if (BARE_WORD.test(typed))
    throw new ChatError("USAGE", `"${typed}" is no server; ${FOR_EXAMPLE}. Your name comes next`);
  return typed;
}

const FOR_EXAMPLE = "for example names.example.org, or http://127.0.0.1:8080";

/** More likely a person's name. A computer of that name can be given with its port, or as a URL. */
const BARE_WORD = /^(?!localhost$)[a-z0-9-]+$/i;

async function askName(context: CliContext): Promise<string> {
  say(context, "Your name there: 3 to 32 of a-z and 0-9, with single hyphens inside. It cannot be changed later.");
  return await untilAccepted(context, async () => readUsername(await askLine("Name: ", context)));
}

async function askSealed(context: CliContext): Promise<boolean> {
  const { passphraseFile, passphraseCommand } = context.settings;
  if (passphraseFile !== undefined || passphraseCommand !== undefined) return true;
  say(context, "A passphrase seals your keys on this disk. There is no way to recover it.");
  if (await askYesOrNo("Seal them?", true, context)) return true;
  say(context, "Then whoever gets at this disk, or a backup of it, can read your messages and write as you.");
  return !(await askYesOrNo("Leave them unsealed?", false, context));
}

/** The server has refused the name, or wants a code. */
async function amend(refusal: ChatError, context: CliContext): ReturnType<NonNullable<RegisterOptions["amend"]>> {
  complain(refusal, context);
  if (refusal.code === "INVITE_REQUIRED" || refusal.code === "INVITE_INVALID") {
    const ask = async () => readInvite(await askLine("Invite code: ", context));
    return { invite: await untilAccepted(context, ask) };
  }
  return { username: await untilAccepted(context, async () => readUsername(await askLine("Name: ", context))) };
}

/** Passphrases that differ, or none, are asked for again. */
async function registerAsked(context: CliContext, options: RegisterOptions): Promise<Identity> {
  const programs = await context.dependencies.loadPrograms();
  for (;;) {
    try {
      return await programs.registerProfile(options);
    } catch (error) {
      if (!isChatError(error) || !MISTYPED.has(error.reason ?? "")) throw error;
      complain(error, context);
    }
  }
}

const MISTYPED = new Set(["differ", "empty"]);

/** Asks again what was answered wrongly, having said why. */
async function untilAccepted<T>(context: CliContext, ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isChatError(error) || error.code === "INTERRUPTED") throw error;
      complain(error, context);
    }
  }
}

function complain({ code, message }: ChatError, context: CliContext): void {
  say(context, `${visibleReason(message)}${code === "HTTP_REFUSED" ? `. ${ADVICE[code]}` : ""}`);
}

/** Said in any case: without it the questions make no sense. */
function say({ terminal }: CliContext, text: string): void {
  terminal.stderr.write(`${text}\n`);
}

function describe({ username, server, fingerprint }: Identity): string {
  return [
    `registered ${username} at ${server}`,
    `fingerprint ${fingerprint}`,
    "",
    "What to do next:",
    "  p2pchat listen               be reachable, in a terminal of its own or as a service",
    '  p2pchat send <name> "hi"     write to somebody',
    "  p2pchat verify <name>        compare a number with them, once, over a channel you trust",
    "  p2pchat doctor               see that all is well",
  ].join("\n");
}
