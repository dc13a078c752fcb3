import { ChatError } from "../../../shared/errors.ts";
import type { TokenLogEntry, TokenView } from "../../messaging/operations/tokens.ts";
import type { Operations } from "../../messaging/operations.ts";
import { type Action, readAction, runChosen } from "../action.ts";
import type { Args, Command } from "../command.ts";
import { localTime } from "../instant.ts";
import { readLifetime } from "../lifetime.ts";
import { table } from "../table.ts";
import { visibleLine } from "../visible-text.ts";

const ACTIONS = ["list", "create", "revoke", "log"] as const;

export const token: Command = {
  usage: "token [action] [token]",
  summary: "what other programs may do here, with listen --api-socket: list, create, revoke, log",
  positionals: {
    action: "list (unless said otherwise), create, revoke or log",
    token: "revoke, log: which one, by name or id",
  },
  options: {
    can: { value: "WHAT", many: true, describe: "create: send:NAME, send:*, read:NAME, read:* or status; repeatable" },
    rate: { value: "RATE", describe: "create: at most so many requests, such as 10/m; 600/m unless said otherwise" },
    expires: { value: "TIME", describe: "create: not good any more after this time, such as 30d" },
    name: { value: "NAME", describe: "create: what it is called here" },
  },
  completes: { action: ACTIONS, token: "token" },
  examples: [
    ["p2pchat token create --can send:bob --rate 10/m --name backup", "shows the token, this once"],
    ["p2pchat token revoke backup", "cuts off whoever uses it"],
    ["p2pchat token log backup", "what was done with it"],
  ],
  run: runChosen(chooseAction),
};

/** @throws ChatError USAGE */
function chooseAction(args: Args): Action {
  const action = readAction(args, ACTIONS);
  const chosen = args.value("token");
  const wish = readWish(args);
  if (action !== "create" && Object.keys(wish).length > 0) {
    throw new ChatError("USAGE", "--can, --rate, --expires and --name go with token create");
  }
  if ((action === "create" || action === "list") && chosen !== undefined) {
    throw new ChatError("USAGE", `token ${action} takes no name${action === "create" ? "; use --name" : ""}`);
  }
  if (action === "create") return create({ can: [], ...wish });
  if (action === "list") return list;
  if (action === "log") return log(chosen);
  if (chosen === undefined) throw new ChatError("USAGE", "token revoke needs the name or the id of a token");
  return revoke(chosen);
}

type Wish = Parameters<Operations["tokenCreate"]>[0];

/** @throws ChatError USAGE */
function readWish(args: Args): Partial<Wish> {
  const can = args.values("can");
  const [rate, name] = [args.value("rate"), args.value("name")];
  const expireSeconds = readLifetime(args.value("expires"), "--expires");
  return {
    ...(can.length > 0 && { can }),
    ...(rate !== undefined && { rate }),
    ...(name !== undefined && { name }),
    ...(expireSeconds !== undefined && { expireSeconds }),
  };
}

function create(wish: Wish): Action {
  return async ({ tokenCreate }, { output }) => {
    const created = await tokenCreate(wish);
    // The token alone on stdout: TOKEN=$(p2pchat token create ...)
    if (!output.json) output.note(`${describe(created)}\nThe token is shown this once:`);
    await output.print({ type: "token-created", fields: created, text: created.token });
  };
}

const list: Action = async ({ tokenList }, { output }) => {
  const { tokens } = await tokenList();
  if (!output.json) {
    await output.print({ type: "tokens", fields: {}, text: tokens.map(describe).join("\n") });
    return;
  }
  for (const one of tokens) await output.print({ type: "token", fields: one, text: "" });
};

function revoke(chosen: string): Action {
  return async ({ tokenRevoke }, { output }) => {
    const revoked = await tokenRevoke({ token: chosen });
    await output.print({ type: "token-revoked", fields: revoked, text: `revoked ${revoked.name}` });
  };
}

function log(chosen: string | undefined): Action {
  return async ({ tokenLog }, { output }) => {
    const { entries } = await tokenLog(chosen === undefined ? {} : { token: chosen });
    if (!output.json) {
      await output.print({ type: "token-uses", fields: {}, text: table(entries.map(logRow)) });
      return;
    }
    for (const entry of entries) await output.print({ type: "token-use", fields: entry, text: "" });
  };
}

function describe({ name, id, can, rate, expiresAt, lastUsedAt }: TokenView): string {
  const end = expiresAt === null ? "for good" : `until ${localTime(expiresAt)}`;
  const use = lastUsedAt === null ? "never used" : `last used ${localTime(lastUsedAt)}`;
  return `${visibleLine(name)} (${id}): ${can.join(" ")}, at most ${rate}, ${end}, ${use}`;
}

function logRow({ at, token: holder, method, person, outcome }: TokenLogEntry): readonly string[] {
  return [localTime(at), visibleLine(holder?.name ?? "(a wrong token)"), method, visibleLine(person ?? ""), outcome];
}
