import { ChatError } from "../../../shared/errors.ts";
import type { ContactView } from "../../messaging/operations/contacts.ts";
import type { Operations } from "../../messaging/operations.ts";
import { type Action, readAction, runChosen } from "../action.ts";
import type { Args, Command } from "../command.ts";
import type { CliContext } from "../context.ts";
import { localTime } from "../instant.ts";
import { readLifetime, sayLifetime } from "../lifetime.ts";
import { table } from "../table.ts";

const SETTINGS = "--expire, --read-marks and --typing";

const ACTIONS = ["list", "show", "accept", "set", "remove", "block", "unblock"] as const;

export const contacts: Command = {
  usage: "contacts [action] [contact]",
  summary: "people you have written to or heard from: list, show, accept, set, remove, block, unblock",
  positionals: { action: "list (unless said otherwise), show, accept, set, remove, block or unblock", contact: "whom" },
  options: {
    expire: {
      value: "TIME",
      describe: "set: both sides forget what you write after this time, such as 1d; never: keep it",
    },
    "read-marks": {
      value: "on|off",
      completes: ["on", "off"],
      describe: "set: whether they learn which of their messages you have seen",
    },
    typing: {
      value: "on|off",
      completes: ["on", "off"],
      describe: "set: whether you two see in chat that the other is writing, if they want it too",
    },
  },
  completes: { action: ACTIONS, contact: "contact" },
  examples: [
    ["p2pchat contacts", "everybody you know"],
    ["p2pchat contacts set bob --expire 7d", "forget after a week what you write to bob"],
    ["p2pchat contacts block mallory", "take nothing more of them"],
    ["p2pchat contacts set bob --expire 7d --read-marks on", "forget after a week, and say what was seen"],
  ],
  run: runChosen(chooseAction),
};

/** @throws ChatError USAGE */
function chooseAction(args: Args): Action {
  const action = readAction(args, ACTIONS);
  const username = args.value("contact");
  const settings = readSettings(args, action);
  if (action === "list") {
    if (username !== undefined) throw new ChatError("USAGE", "contacts list takes no name; use contacts show");
    return list;
  }
  const chosen = CHOSEN[action];
  if (username === undefined) throw new ChatError("USAGE", `contacts ${action} needs a name`);
  return (operations, context) => chosen({ username, ...settings }, operations, context);
}

type Chosen = Parameters<Operations["contactsSet"]>[0];

/** @throws ChatError USAGE */
function readSettings(args: Args, action: string): Omit<Chosen, "username"> {
  const expire = args.value("expire");
  const [marks, typing] = [readSwitch(args, "read-marks"), readSwitch(args, "typing")];
  const isEmpty = expire === undefined && marks === undefined && typing === undefined;
  if (action !== "set" && !isEmpty) throw new ChatError("USAGE", `${SETTINGS} go with contacts set`);
  if (action === "set" && isEmpty) throw new ChatError("USAGE", `contacts set needs one of ${SETTINGS}`);
  const expireSeconds = expire === "never" ? null : readLifetime(expire);
  return {
    ...(expireSeconds !== undefined && { expireSeconds }),
    ...(marks !== undefined && { readMarks: marks }),
    ...(typing !== undefined && { typing }),
  };
}

/** @throws ChatError USAGE */
function readSwitch(args: Args, name: string): boolean | undefined {
  const value = args.value(name);
  if (value === undefined || value === "on" || value === "off") return value && value === "on";
  throw new ChatError("USAGE", `--${name} takes on or off`);
}

type NamedAction = Exclude<(typeof ACTIONS)[number], "list">;

const CHOSEN: Readonly<Record<NamedAction, (chosen: Chosen, ...rest: Parameters<Action>) => Promise<unknown>>> = {
  show: async ({ username }, operations, { output }) => print(await operations.contactsShow({ username }), output),
  accept: async ({ username }, operations, { output }) => print(await operations.contactsAccept({ username }), output),
  set: async (chosen, operations, { output }) => print(await operations.contactsSet(chosen), output),
  remove: async ({ username }, operations, { output }) => {
    const removed = await operations.contactsRemove({ username });
    await output.print({ type: "contact-removed", fields: removed, text: `removed ${removed.username}` });
  },
  block: async ({ username }, operations, { output }) =>
    print(await operations.contactsBlock({ username, blocked: true }), output),
  unblock: async ({ username }, operations, { output }) =>
    print(await operations.contactsBlock({ username, blocked: false }), output),
};

async function list(operations: Operations, { output }: CliContext): Promise<void> {
  const found = await operations.contactsList();
  if (!output.json) {
    const text = table(found.contacts.map((contact) => [contact.username, standing(contact), contact.fingerprint]));
    await output.print({ type: "contacts", fields: {}, text });
    return;
  }
  for (const contact of found.contacts) await print(contact, output);
}

function print(contact: ContactView, output: CliContext["output"]): Promise<boolean> {
  const text = table([
    ["username", contact.username],
    ["fingerprint", contact.fingerprint],
    ["state", standing(contact)],
    ["sequence", String(contact.seq)],
    ["devices", contact.devices.join(" ")],
    ["since", localTime(contact.pinnedAt)],
    ["kept", contact.expireSeconds === null ? "for good" : sayLifetime(contact.expireSeconds)],
    ["read marks", contact.readMarks ? "on" : "off"],
    ["typing", contact.typing ? "on" : "off"],
  ]);
  return output.print({ type: "contact", fields: contact, text });
}

function standing({ keyChanged, blocked, verified, accepted }: ContactView): string {
  if (keyChanged) return "key changed";
  if (blocked) return "blocked";
  if (verified) return "verified";
  return accepted ? "pinned" : "stranger";
}
