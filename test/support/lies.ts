import { encodeBase64url } from "../../shared/base64url.ts";
import { parseNameRecord } from "../../shared/name-record.ts";
import type { Lie, RealAnswer } from "./lying-server.ts";
import { json, type ScriptedAnswer } from "./scripted-server.ts";
import type { SignedLog } from "./signed-log.ts";

const pathOf = (url: string) => url.split("?")[0] ?? "";

/** Answers this one path itself. */
export function answering(method: string, path: string, answer: ScriptedAnswer): Lie {
  return (request) => (request.method === method && pathOf(request.path) === path ? answer : undefined);
}

/** Answers everything below the path itself: `{ status: 500 }`, `"hang"`, `"reset"`, garbage. */
export function failing(prefix: string, answer: ScriptedAnswer): Lie {
  return (request) => (request.path.startsWith(prefix) ? answer : undefined);
}

/** The first answer about this name for ever, and 304 to everyone who asks whether it still holds. */
export function frozen(name: string): Lie {
  let first: Promise<RealAnswer> | undefined;
  return async ({ method, path, headers }, ask) => {
    if (method !== "GET" || path !== `/v1/names/${name}`) return undefined;
    if (first !== undefined && headers["if-none-match"] !== undefined) return { status: 304 };
    first ??= ask();
    return first;
  };
}

/** This record for the name, older, forked or of another key; its history is shown as well where it is given. */
export function showing(
  name: string,
  record: string,
  facts: { history?: readonly string[]; addresses?: readonly { device: string; record: string }[] } = {},
): Lie {
  const { history, addresses = [] } = facts;
  const shown = answering("GET", `/v1/names/${name}`, json({ name, record, addresses }));
  return async (request, ask) => {
    if (history === undefined) return shown(request, ask);
    return (await showingHistory(name, history)(request, ask)) ?? shown(request, ask);
  };
}

/** These records as the whole history; none withholds it. `after` counts as in the real one. */
export function showingHistory(name: string, records: readonly string[]): Lie {
  return ({ method, path }) => {
    if (method !== "GET" || pathOf(path) !== `/v1/names/${name}/history`) return undefined;
    const after = Number(new URLSearchParams(path.split("?")[1]).get("after") ?? 0);
    return json({ name, records: records.slice(after), next: null });
  };
}

/** The real record of the name with these address records. */
export function showingAddresses(name: string, addresses: readonly { device: string; record: string }[]): Lie {
  return showingWith(name, { addresses });
}

/** The real record of the name with these mailbox records. */
export function showingMailboxes(name: string, mailboxes: readonly { device: string; record: string }[]): Lie {
  return showingWith(name, { mailboxes });
}

/** These descriptors as the whole list of relays. */
export function listingRelays(relays: readonly string[]): Lie {
  return answering("GET", "/v1/relays", json({ relays }));
}

function showingWith(name: string, facts: object): Lie {
  return async ({ method, path }, ask) => {
    if (method !== "GET" || path !== `/v1/names/${name}`) return undefined;
    const real = await ask();
    if (real.status !== 200) return real;
    return json({ ...(JSON.parse(real.body.toString()) as object), ...facts });
  };
}

/** These key packages to whoever claims some of the name. */
export function handingOut(
  name: string,
  keyPackages: readonly { device: string; keyPackage: Uint8Array; lastResort?: boolean }[],
): Lie {
  const listed = keyPackages.map(({ keyPackage, lastResort = false, ...rest }) => ({
    ...rest,
    lastResort,
    keyPackage: encodeBase64url(keyPackage),
  }));
  return answering("POST", `/v1/names/${name}/key-packages/claim`, json({ keyPackages: listed }));
}

/** A valid status and far more body than anyone should read. */
export const huge: ScriptedAnswer = (response) => {
  response.writeHead(200, { "content-type": "application/json" });
  const more = () => {
    while (!response.destroyed && response.write(Buffer.alloc(65_536, " ")));
  };
  response.on("drain", more);
  more();
};

export const garbage: ScriptedAnswer = {
  status: 200,
  headers: { "content-type": "application/json" },
  body: Buffer.from("00ff1f8b7b", "hex"),
};

export const redirect = (location: string): ScriptedAnswer => ({ status: 302, headers: { location } });

/** This log in place of the real one; records that the real server accepts go into it too. */
export function showingLog(log: SignedLog): Lie {
  return async ({ method, path, body }, ask) => {
    if (method === "PUT" && path.startsWith("/v1/names/")) return accepting(log, body, await ask());
    if (path === "/v1/log/key") return text(`${await log.key()}\n`);
    if (path === "/v1/log/checkpoint") return text(await log.checkpoint());
    if (pathOf(path) !== "/v1/log/entries") return undefined;
    const start = Number(new URLSearchParams(path.split("?")[1]).get("start"));
    return json({ start, entries: (await log.entries(start)).map(encodeBase64url) });
  };
}

function accepting(log: SignedLog, body: Buffer, real: RealAnswer): RealAnswer {
  if (real.status < 300) log.accept(parseNameRecord(body.toString()));
  return real;
}

const text = (body: string): ScriptedAnswer => ({ status: 200, headers: { "content-type": "text/plain" }, body });
