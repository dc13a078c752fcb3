import { resolve } from "node:path";
import { ChatError } from "../../../shared/errors.ts";
import { describeKeys, showThenAccept, verdictOn } from "../accept-key.ts";
import { readAction } from "../action.ts";
import type { Args, Command } from "../command.ts";
import type { CliContext } from "../context.ts";
import { describeAudit } from "../describe-audit.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { busy, reachProfile } from "../reach-profile.ts";
import { table } from "../table.ts";
import { withOperations } from "../with-operations.ts";

const PATIENCE_MS = 10_000;

const ACTIONS = ["show", "audit", "rotate", "trust-log", "change-passphrase"] as const;

export const key: Command = {
  usage: "key [action] [name]",
  summary: "keys and the log they stand in: show, audit, rotate, trust-log, change-passphrase",
  positionals: {
    action:
      "show (the own key; so without one), audit (every record of a name), rotate (a new key), trust-log (a new log) or change-passphrase",
    name: "whose records to audit",
  },
  options: {
    "new-passphrase-file": {
      value: "FILE",
      completes: "file",
      describe: "read the new passphrase from it, for change-passphrase",
    },
  },
  completes: {
    action: ACTIONS,
    name: "contact",
  },
  examples: [
    ["p2pchat key", "the own key, and where it stands in the log"],
    ["p2pchat key audit bob", "every record of a name, and whether the log bears it out"],
    ["p2pchat key change-passphrase", "seal the keys anew"],
  ],
  run: (args, context) => chooseAction(args)(context),
};

type Action = (context: CliContext) => Promise<ExitCode>;

/** Complains about the command line before anything is opened. */
function chooseAction(args: Args): Action {
  const action = readAction(args, ACTIONS);
  const name = args.value("name");
  const newFile = args.value("new-passphrase-file");
  if (newFile !== undefined && action !== "change-passphrase") {
    throw new ChatError("USAGE", "--new-passphrase-file goes with key change-passphrase");
  }
  if (action === "audit") {
    if (name === undefined) throw new ChatError("USAGE", "key audit needs a name");
    return (context) => audit(name, context);
  }
  if (name !== undefined) throw new ChatError("USAGE", `key ${action} takes no name`);
  if (action === "show") return show;
  if (action === "rotate") return rotate;
  if (action === "trust-log") return trustLog;
  return (context) => changePassphrase(newFile, context);
}

async function audit(username: string, context: CliContext): Promise<ExitCode> {
  const found = await withOperations(context, {
    network: true,
    run: (operations) => operations.keyAudit({ username }),
  });
  await context.output.print({ type: "key-audit", fields: found, text: describeAudit(found) });
  return found.verdict === "ok" ? EXIT.ok : EXIT.untrusted;
}

async function show(context: CliContext): Promise<ExitCode> {
  const found = await withOperations(context, { network: true, run: (operations) => operations.keyShow() });
  const { username, fingerprint, devices, seq, position } = found;
  const text = table([
    ["username", username],
    ["fingerprint", fingerprint],
    ["devices", devices.join(" ")],
    ["sequence", String(seq)],
    ["log position", position === null ? "not in the log" : String(position)],
  ]);
  await context.output.print({ type: "key", fields: { username, fingerprint, devices, seq, position }, text });
  return EXIT.ok;
}

async function rotate(context: CliContext): Promise<ExitCode> {
  const rotated = await withOperations(context, { network: true, run: (operations) => operations.keyRotate() });
  const text = [
    `old  ${rotated.oldFingerprint}`,
    `new  ${rotated.newFingerprint}`,
    "Contacts follow by themselves, for the old key vouches for the new one. Your safety numbers have changed:",
    "whoever had verified you, compares them anew.",
  ].join("\n");
  await context.output.print({ type: "key-rotated", fields: rotated, text });
  return EXIT.ok;
}

async function trustLog(context: CliContext): Promise<ExitCode> {
  const whose = "the naming server's log";
  const keys = await withOperations(context, {
    network: true,
    run: ({ keyTrustLog: show }) =>
      showThenAccept((accept) => show(accept === undefined ? {} : { accept }), whose, context),
  });
  await context.output.print({
    type: "log-trusted",
    fields: keys,
    text: `${describeKeys(keys)}\n${verdictOn(keys, whose)}`,
  });
  return keys.accepted ? EXIT.ok : EXIT.untrusted;
}

/** No passphrase goes through a socket: whoever runs the profile is to be stopped first. */
async function changePassphrase(newFile: string | undefined, context: CliContext): Promise<ExitCode> {
  const { settings, dependencies, interruption, output } = context;
  const reached = await reachProfile(context, PATIENCE_MS);
  if (reached.kind === "daemon") {
    reached.client.close();
    throw busy(reached.client.pid);
  }
  try {
    const programs = await dependencies.loadPrograms();
    const { directory } = reached;
    const file = newFile === undefined ? undefined : resolve(newFile);
    await programs.changePassphrase({ settings, directory, newFile: file, signal: interruption.signal });
  } finally {
    reached.lock.release();
  }
  await output.print({ type: "passphrase-changed", fields: {}, text: "the passphrase is changed" });
  return EXIT.ok;
}
