import type { ChatError } from "../../../shared/errors.ts";
import type { Diagnosis, Status } from "../../messaging/operations/status.ts";
import type { AddressKind, Doctor } from "../context.ts";
import { localTime } from "../instant.ts";
import { bad, type Check, ok, unknown, warn } from "./check.ts";

export type Reach = {
  readonly status: Status | ChatError;
  readonly diagnosis: Diagnosis | undefined;
  readonly doctor: Pick<Doctor, "kindOf" | "ownKinds">;
};

const LISTEN = "Run p2pchat listen.";
const NAMES = ["addresses", "relays", "mailboxes", "reachability"];

/** Whether others reach this device, as far as it can be known from here. */
export function reachChecks({ status, diagnosis, doctor }: Reach): readonly Check[] {
  if (status instanceof Error) return [openCheck(status), ...NAMES.map((name) => unknown(name, "could not be asked"))];
  if (status.daemon === null) {
    const advice = `${LISTEN} Until then, messages wait with who sent them, or in your mailboxes.`;
    const absent = NAMES.map((name) => unknown(name, "known only while p2pchat listen runs"));
    return [warn("daemon", "nothing listens: nobody can reach you now", advice), ...absent, outboxCheck(status)];
  }
  const { pid, startedAt } = status.daemon;
  return [
    ok("daemon", `process ${pid} listens since ${localTime(startedAt)}`),
    addressesCheck(status, diagnosis),
    relaysCheck(status),
    mailboxesCheck(status),
    reachabilityCheck(status, doctor),
    outboxCheck(status),
  ];
}

/** Why the profile could not be opened: not every reason is a fault. */
function openCheck(error: ChatError): Check {
  const { code, message } = error;
  if (code === "PASSPHRASE_REQUIRED" || code === "PROFILE_MISSING" || code === "PROFILE_BUSY") {
    return unknown("daemon", `none answers, and the profile could not be opened: ${message}`, ADVICE[code]);
  }
  return bad("daemon", error);
}

const ADVICE = {
  PASSPHRASE_REQUIRED: "Use --passphrase-file to have the rest looked at too.",
  PROFILE_MISSING: undefined,
  PROFILE_BUSY: "Try again when that process is done.",
} as const;

function addressesCheck({ addresses, hidden, published }: Status, diagnosis: Diagnosis | undefined): Check {
  if (hidden) return ok("addresses", `${addresses.length}, none published: presence is off`);
  const shown = diagnosis?.published.length ?? 0;
  if (shown > 0) return ok("addresses", `${addresses.length}, ${shown} of them published`);
  if (published) return unknown("addresses", `${addresses.length}, published, but the server could not be asked`);
  return bad("addresses", { code: "SERVER_UNREACHABLE", message: `${addresses.length}, none published` });
}

function relaysCheck({ relays }: Status): Check {
  if (relays.length === 0) return ok("relays", "none in use");
  const reserved = relays.filter(({ state }) => state === "reserved").length;
  const message = `${reserved} of ${relays.length} reserved`;
  if (reserved > 0) return ok("relays", message);
  const failed = relays.find(({ error }) => error !== undefined)?.error;
  return warn("relays", failed === undefined ? message : `${message}: ${failed}`, "See p2pchat status, or --relays.");
}

function mailboxesCheck({ mailboxes }: Status): Check {
  const open = mailboxes.filter((box) => box.open).length;
  if (mailboxes.length === 0) {
    return warn("mailboxes", "none: while you are away, messages wait with who sent them", "Use a server with relays.");
  }
  const message = `${open} of ${mailboxes.length} open`;
  return open > 0 ? ok("mailboxes", message) : warn("mailboxes", message, "See p2pchat status.");
}

/** Nobody can dial themselves from outside; what the addresses and this machine's own say is all there is. */
function reachabilityCheck({ addresses, hidden, paths }: Status, doctor: Reach["doctor"]): Check {
  const name = "reachability";
  if (hidden) return unknown(name, "presence is off: only people whom you write to can reach you");
  const kinds = new Set(addresses.map(doctor.kindOf));
  const router = isBehindRouter(doctor.ownKinds())
    ? "this machine has private addresses only: it is behind a router"
    : "";
  if (kinds.has("global")) {
    const straight = paths.direct + paths.punched;
    const ways = straight > 0 ? `; connections that run straight: ${straight}` : "";
    const message = `a public address is published${ways}; whether it answers from outside cannot be known from here`;
    return unknown(name, message, "Ask somebody elsewhere to write to you: send --json says the path.");
  }
  if (kinds.has("relay")) return ok(name, `from anywhere through a relay${router === "" ? "" : `; ${router}`}`);
  if (kinds.has("private")) {
    const message = `from this network only${router === "" ? "" : `: ${router}`}`;
    return warn(name, message, "Use a relay (--relays), or forward a port (listen --port N).");
  }
  if (kinds.has("loopback")) return warn(name, "from this machine only", "Check the network connection.");
  return bad(name, { code: "PEER_UNREACHABLE", message: "there is no address to be reached at" }, "Check the network.");
}

function isBehindRouter(kinds: readonly AddressKind[]): boolean {
  return kinds.includes("private") && !kinds.includes("global");
}

function outboxCheck({ outbox: { queued, relayed, failed } }: Status): Check {
  const message = `${queued} queued, ${relayed} in mailboxes, ${failed} failed`;
  return failed === 0 ? ok("outbox", message) : warn("outbox", message, "See p2pchat outbox.");
}
