import { isChatError } from "../shared/errors.ts";
import type { Username } from "../shared/username.ts";
import type { OpenOptions } from "./cli/context.ts";
import { createAuditor } from "./contacts/auditor.ts";
import { createResolver } from "./contacts/resolver.ts";
import { ownRecordsOf } from "./history/own-records.ts";
import type { EventFeed } from "./messaging/feed/event-feed.ts";
import type { Auditor } from "./messaging/keys/audit.ts";
import { LogWatch } from "./messaging/keys/log-watch.ts";
import { Mutex } from "./messaging/mutex.ts";
import type { KeyRotation } from "./messaging/operations/keys.ts";
import type { ContactStore, Resolver } from "./messaging/ports/contacts.ts";
import type { KeyLog } from "./messaging/ports/key-log.ts";
import type { Runtime } from "./messaging/runtime.ts";
import { keyLogOf, type OpenProfile } from "./open-profile.ts";
import { resumeRotation, rotateIdentity } from "./rotate.ts";

/** What tells whose key is whose, the profile's own included. */
export type Keys = {
  readonly keyLog: KeyLog;
  readonly resolver: Resolver;
  readonly auditor: Auditor;
  readonly logWatch: LogWatch;
  readonly rotation: Rotation;
};

export type Rotation = {
  /** Ends a rotation that was interrupted, where the server can be asked; else it is ended later. */
  settle(signal?: AbortSignal): Promise<void>;
  rotate(): Promise<KeyRotation>;
};

export type KeysDeps = {
  readonly mode: OpenOptions["mode"];
  readonly contacts: ContactStore;
  readonly feed: EventFeed;
  readonly runtime: Runtime;
  readonly failed: (error: unknown) => void;
};

export function keysOf(opened: OpenProfile, { mode, contacts, feed, runtime, failed }: KeysDeps): Keys {
  const { self, store, naming: server, clock, profile } = opened;
  const audience = () => profile.server;
  const times = { now: () => clock.now(), monotonic: () => runtime.monotonic() };
  const log = keyLogOf(opened, () => logWatch.noteStatus());
  const keyLog: KeyLog = {
    ...log,
    async restart(shown) {
      await log.restart(shown);
      logWatch.begunAnew();
    },
  };
  const resolver = createResolver({ server, contacts, log, ...times, audience, own: self });
  const known = (username: Username) =>
    username === self.username ? ownRecordsOf(store).all().at(-1) : contacts.find(username)?.record;
  const anyName = createAuditor({ server, known, log, audience, own: self });
  const ownKey = new Mutex();
  const rotation = rotationOf(opened, log, { mode, ownKey });
  // Between the server's word that it has taken a new key, and the profile's, that key would look like a foreign one.
  const ownName = async (signal?: AbortSignal) => {
    await rotation.settle(signal);
    return await ownKey.run(() => anyName.audit(self.username, signal));
  };
  const auditor: Auditor = {
    audit: (username, signal) => (username === self.username ? ownName(signal) : anyName.audit(username, signal)),
  };
  const logWatch = new LogWatch({
    ...{ self, store, log, resolver, runtime, failed },
    auditOwn: ownName,
    tell: (finding) => feed.emit({ type: "error", ...finding }),
  });
  return { keyLog, resolver, auditor, logWatch, rotation };
}

function rotationOf(
  opened: OpenProfile,
  log: KeyLog,
  { mode, ownKey }: { mode: OpenOptions["mode"]; ownKey: Mutex },
): Rotation {
  let resumed: KeyRotation | undefined;
  return {
    async settle(signal) {
      try {
        resumed = (await ownKey.run(() => resumeRotation(opened, log, signal))) ?? resumed;
      } catch (error) {
        // A third key under the own name is found by the audit.
        if (!isChatError(error)) throw error;
      }
    },
    // A command that repeats an interrupted one has gone on with the same keys already.
    rotate: () =>
      ownKey.run(async () => (mode === "oneshot" && resumed !== undefined ? resumed : rotateIdentity(opened, log))),
  };
}
