import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError, isChatError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/protocol.ts";
import type { Party } from "../../shared/safety-number.ts";
import { singleFlight } from "../../shared/single-flight.ts";
import { parseUsername, type Username } from "../../shared/username.ts";
import type { Contact, ContactStore, Resolver } from "../messaging/ports/contacts.ts";
import type { KeyLog } from "../messaging/ports/key-log.ts";
import type { NamingServer } from "../messaging/ports/naming-server.ts";
import { examine, examineSelf, type Finding } from "./examine.ts";
import { assertUnchanged } from "./pin.ts";
import { recordsOf } from "./records.ts";
import { assertPlaceFree } from "./strangers.ts";
import { type TokenBucket, tokenBucket } from "./token-bucket.ts";
import { acceptChange } from "./trust.ts";

export type ResolverOptions = {
  readonly server: Pick<NamingServer, "lookup" | "history">;
  readonly contacts: ContactStore;
  readonly log: KeyLog;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Milliseconds that only rise. */
  readonly monotonic: () => number;
  /** The URL of this profile's naming server, which every record of it names. */
  readonly audience: () => string;
  /** Whose profile this is. */
  readonly own: Party;
  /** How long a silent server is waited for where a pin can stand in. */
  readonly patienceMs?: number;
};

const PATIENCE_MS = 3000;

/** Strangers hint at a name as often as they like; it is not looked up for them more often than this. */
const ASK_AGAIN_AFTER_MS = 1000;

/**
 * Trust on first use, then only what the pinned key vouches for. A changed key blocks its contact, also when the server
 * shows the pinned record again, until `trust` or a newer record that the pinned key does vouch for.
 */
export function createResolver(options: ResolverOptions): Resolver {
  const { server, contacts, log, now, monotonic, audience, own, patienceMs = PATIENCE_MS } = options;
  const deps = { records: recordsOf(server, audience), contacts, log, now };
  const answeredAtMs = new Map<Username, number>();
  /** Strangers who hint at many names do not keep a contact's new device from being looked up. */
  const lookups = {
    ofNewNames: tokenBucket(LIMITS.strangerLookupsPerMinute, monotonic),
    ofContacts: tokenBucket(LIMITS.strangerLookupsPerMinute, monotonic),
  };
  const hinted = new Map<Username, { readonly finding: Finding | undefined; readonly atMs: number }>();
  /** Look-ups under way for longer than anybody's patience. */
  const overdue = new Set<Username>();
  let self: Contact | undefined;

  const lookAt = singleFlight(async (username: Username) => {
    const late = setTimeout(() => overdue.add(username), patienceMs).unref();
    try {
      return await (username === own.username ? examineSelf(deps, own, self) : examine(deps, username));
    } finally {
      clearTimeout(late);
      overdue.delete(username);
    }
  });

  const findKnown = (username: Username) => (username === own.username ? self : contacts.find(username));

  /** People who have met wait once for a server that is silent; should it speak later, the pin moves then. */
  async function lookPatiently(username: Username, signal?: AbortSignal): Promise<Finding> {
    if (findKnown(username) === undefined) return lookAt(username, signal);
    const patience = overdue.has(username) ? AbortSignal.abort(silent()) : AbortSignal.timeout(patienceMs);
    try {
      return await lookAt(username, signal === undefined ? patience : AbortSignal.any([signal, patience]));
    } catch (error) {
      const known = findKnown(username);
      if (known === undefined || !isChatError(error, "TIMED_OUT")) throw error;
      assertUnchanged(known);
      return { contact: known, stale: error };
    }
  }

  /** Takes a finding in: whoever was met for the first time is pinned now. */
  function keep({ contact, stale }: Finding): Contact {
    if (stale === undefined) answeredAtMs.set(contact.username, now());
    if (contact.username === own.username) {
      self = contact;
      return contact;
    }
    const stored = contacts.find(contact.username);
    if (stored === undefined) contacts.save(contact);
    return stored ?? contact;
  }

  const isNewName = (username: Username) => username !== own.username && contacts.find(username) === undefined;

  /** Others may have come in while the server was asked. */
  function admit(finding: Finding): Contact {
    if (isNewName(finding.contact.username)) assertPlaceFree(contacts, finding.contact);
    return keep(finding);
  }

  function recall(username: Username, maxAgeMs: number): Contact | undefined {
    const ageMs = now() - (answeredAtMs.get(username) ?? Number.NEGATIVE_INFINITY);
    if (ageMs < 0 || ageMs >= maxAgeMs) return undefined;
    const contact = findKnown(username);
    return contact?.changed === undefined ? contact : undefined;
  }

  async function findOwner(device: DeviceId, username: Username, signal?: AbortSignal): Promise<Contact | undefined> {
    const recent = recall(username, ASK_AGAIN_AFTER_MS);
    if (recent !== undefined) return recent.devices.includes(device) ? recent : undefined;
    const isNew = isNewName(username);
    if (isNew) assertPlaceFree(contacts);
    const finding = await lookAtHinted(username, isNew ? lookups.ofNewNames : lookups.ofContacts, signal);
    if (finding?.contact.devices.includes(device)) return admit(finding);
    if (finding?.stale !== undefined) throw finding.stale;
    return undefined;
  }

  /** Remembers what was found, not for whom: a liar who names somebody does not keep them out. */
  async function lookAtHinted(
    username: Username,
    tokens: TokenBucket,
    signal?: AbortSignal,
  ): Promise<Finding | undefined> {
    for (const [name, { atMs }] of hinted) if (Math.abs(now() - atMs) >= ASK_AGAIN_AFTER_MS) hinted.delete(name);
    const recent = hinted.get(username);
    if (recent !== undefined) return recent.finding;
    if (!tokens.take()) throw new ChatError("RATE_LIMITED", "enough names were looked up for strangers");
    const finding = await lookAt(username, signal).catch(unknownAsNobody);
    if (finding?.stale === undefined) hinted.set(username, { finding, atMs: now() });
    return finding;
  }

  return {
    async resolve(username, { maxAgeMs = 0, signal } = {}) {
      const recent = recall(username, maxAgeMs);
      if (recent !== undefined) return { contact: recent, stale: false };
      const finding = await lookPatiently(username, signal);
      return { contact: keep(finding), stale: finding.stale !== undefined };
    },

    async resolveDevice(device, hint, signal) {
      const known = contacts.findByDevice(device);
      if (known !== undefined) return known;
      const username = hint === undefined ? undefined : readHint(hint);
      const owner = username === undefined ? undefined : await findOwner(device, username, signal);
      if (owner !== undefined) return owner;
      throw new ChatError("ENVELOPE_INVALID", "no name lists the sending device", { reason: "identity" });
    },

    async inspect(username, signal) {
      const { answer, stale } = await lookAt(username, signal);
      if (answer === undefined) throw stale;
      return answer;
    },

    async trust(username, signal) {
      const contact = contacts.find(username);
      if (contact === undefined) throw new ChatError("CONTACT_UNKNOWN", `${username} is not among the contacts`);
      answeredAtMs.delete(username);
      return acceptChange(deps, contact, signal);
    },
  };
}

const silent = () => new ChatError("TIMED_OUT", "the naming server is silent");

function readHint(hint: string): Username | undefined {
  try {
    return parseUsername(hint);
  } catch {
    return undefined;
  }
}

function unknownAsNobody(error: unknown): undefined {
  if (!isChatError(error, "NAME_UNKNOWN")) throw error;
}
