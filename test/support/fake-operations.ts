import type { ContactView, KeyChange } from "../../peer/messaging/operations/contacts.ts";
import type { ChatEvent, Feed, PresenceEvent, PresenceFeed } from "../../peer/messaging/operations/feed.ts";
import type { KeyAudit } from "../../peer/messaging/operations/keys.ts";
import type { ChatMessage, SendResult } from "../../peer/messaging/operations/messages.ts";
import type { Identity } from "../../peer/messaging/operations/status.ts";
import type { Access, TokenView } from "../../peer/messaging/operations/tokens.ts";
import type { Operations } from "../../peer/messaging/operations.ts";
import { ChatError } from "../../shared/errors.ts";

export const ALICE: Identity = {
  username: "alice",
  peerId: "12D3KooWAlice",
  fingerprint: "aaaa bbbb",
  server: "http://127.0.0.1:8080",
  profile: "default",
};

export const BOB: ContactView = {
  username: "bob",
  fingerprint: "cccc dddd",
  verified: false,
  blocked: false,
  accepted: true,
  keyChanged: false,
  seq: 1,
  devices: ["12D3KooWBob"],
  expireSeconds: null,
  readMarks: false,
  typing: false,
  pinnedAt: "2026-11-20T18:30:00.000Z",
};

export const MESSAGE: ChatMessage = {
  id: "00112233445566778899aabbccddeeff",
  from: "bob",
  text: "hi",
  sentAt: "2026-11-20T18:30:00.000Z",
  receivedAt: "2026-11-20T18:30:01.000Z",
  seq: 1,
  verified: false,
  path: "direct",
  cursor: 7,
};

export const CHANGE: KeyChange = {
  pinnedAt: "2026-10-01T12:00:00.000Z",
  verified: false,
  seenAt: "2026-11-20T18:30:00.000Z",
  issuedAt: "2026-11-20T18:00:00.000Z",
  oldSeq: 1,
  newSeq: 2,
  vouched: false,
  log: { state: "ok", oldPosition: 3, newPosition: 8, newest: true },
};

export const AUDIT: KeyAudit = {
  username: "bob",
  verdict: "ok",
  problems: [],
  records: [
    {
      seq: 1,
      position: 3,
      issuedAt: "2026-11-20T18:30:00.000Z",
      change: "first",
      fingerprint: "cccc dddd",
      devices: ["12D3KooWBob"],
    },
  ],
  log: { size: 9, root: "AAAA", signedAt: "2026-11-20T18:30:00.000Z", stale: false, forked: false },
};

export const TOKEN: TokenView = {
  id: "0011223344556677",
  name: "backup",
  can: ["send:bob"],
  rate: "600/m",
  createdAt: "2026-11-20T18:30:00.000Z",
  expiresAt: null,
  lastUsedAt: null,
};

/** Nobody holds a token. */
export const NO_ACCESS: Access = {
  authenticate() {
    throw new ChatError("TOKEN_INVALID", "no token is good here");
  },
};

function sent({ id, to = "bob" }: { id: string; to?: string }): SendResult {
  return { id, to, state: "stored", devices: [{ device: "12D3KooWBob", state: "stored", path: "direct" }] };
}

/** Operations that answer as if all were well; a test replaces the one that it is about. */
export function fakeOperations(replaced: Partial<Operations> = {}): Operations {
  const operations: Operations = {
    send: async ({ to }) => sent({ id: MESSAGE.id, to }),
    history: async () => ({ messages: [{ ...MESSAGE, direction: "in" }], older: null }),
    outboxList: async () => ({ items: [] }),
    outboxRetry: async () => ({ retried: 2 }),
    outboxCancel: async () => ({ cancelled: 1, withdrawn: false }),
    contactsList: async () => ({ contacts: [BOB] }),
    contactsShow: async () => BOB,
    contactsRemove: async ({ username }) => ({ username }),
    contactsBlock: async ({ blocked }) => ({ ...BOB, blocked }),
    verify: async ({ username, number }) => ({
      username,
      safetyNumber: "12345".repeat(12),
      verified: number !== undefined,
    }),
    trust: async ({ username, accept }) => ({
      username,
      oldFingerprint: "cccc dddd",
      newFingerprint: "eeee ffff",
      accepted: accept === "eeee ffff",
      change: CHANGE,
    }),
    lookup: async ({ username }) => ({
      username,
      fingerprint: "cccc dddd",
      seq: 1,
      devices: ["12D3KooWBob"],
      online: true,
      pinned: false,
    }),
    keyAudit: async ({ username }) => ({ ...AUDIT, username }),
    keyShow: async () => ({
      username: "alice",
      fingerprint: "aaaa bbbb",
      devices: [ALICE.peerId],
      seq: 2,
      position: 7,
    }),
    keyTrustLog: async ({ accept }) => ({
      oldFingerprint: "aaaa bbbb",
      newFingerprint: "eeee ffff",
      accepted: accept === "eeee ffff",
    }),
    keyRotate: async () => ({ username: "alice", oldFingerprint: "aaaa bbbb", newFingerprint: "eeee ffff", seq: 3 }),
    online: async () => ({ online: [{ username: "bob", devices: ["12D3KooWBob"], contact: true }] }),
    visibility: async ({ visible = true }) => ({ visible, published: visible }),
    status: async () => ({
      ...ALICE,
      daemon: { pid: 1, startedAt: "2026-11-20T18:30:00.000Z" },
      addresses: [],
      serverState: "ok",
      published: true,
      hidden: false,
      keyPackages: 50,
      log: { size: 3, signedAt: "2026-11-20T18:30:00.000Z", state: "ok" },
      outbox: { queued: 0, relayed: 0, failed: 0 },
      contacts: 1,
      connections: 0,
      paths: { direct: 0, punched: 0, relay: 0 },
      relays: [],
      mailboxes: [],
    }),
    whoami: async () => ALICE,
    edit: async ({ id }) => sent({ id }),
    remove: async ({ id }) => sent({ id }),
    react: async ({ id }) => sent({ id }),
    markRead: async () => ({ told: 0 }),
    typing: async () => ({ told: 0 }),
    contactsAccept: async ({ username }) => ({ ...BOB, username, accepted: true }),
    contactsSet: async ({ username, expireSeconds = null, readMarks = false, typing = false }) => {
      return { ...BOB, username, expireSeconds, readMarks, typing };
    },
    outboxWait: async ({ id }) => sent({ id }),
    inbox: async ({ mode = "open" }) => ({ mode, requests: [] }),
    diagnose: async () => ({
      token: null,
      keyPackages: { count: 50, lastResort: true },
      record: { trouble: null, seq: 2, position: 7 },
      published: ["/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWAlice"],
    }),
    tokenCreate: async ({ can, rate = TOKEN.rate }) => ({ ...TOKEN, can, rate, token: `p2pchat_${"A".repeat(43)}` }),
    tokenList: async () => ({ tokens: [TOKEN] }),
    tokenRevoke: async () => TOKEN,
    tokenLog: async () => ({
      entries: [
        {
          at: TOKEN.createdAt,
          token: { id: TOKEN.id, name: TOKEN.name },
          method: "send",
          person: "bob",
          outcome: "ok",
        },
      ],
    }),
  };
  return { ...operations, ...replaced };
}

export type FakeFeed = Feed & { readonly cursors: number[]; readonly asked: object[] };

/** Tells the given events, then nothing until it is aborted. */
export function fakeFeed(events: readonly ChatEvent[] = []): FakeFeed {
  const cursors: number[] = [];
  const asked: object[] = [];
  const shown = (cursor: number) => void cursors.push(cursor);
  const tell = async function* (signal: AbortSignal) {
    yield* events;
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (!signal.aborted) await promise;
  };
  return {
    cursors,
    asked,
    shown,
    events({ signal, ...from }) {
      asked.push(from);
      return tell(signal);
    },
    async consume(options) {
      asked.push(options);
      return { events: tell, acknowledge: shown, close: () => undefined };
    },
  };
}

/** Tells the given events, then nothing until it is aborted. */
export function fakePresence(events: readonly PresenceEvent[] = []): PresenceFeed {
  return {
    events: async function* (signal) {
      yield* events;
      const { promise, resolve } = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => resolve(), { once: true });
      if (!signal.aborted) await promise;
    },
  };
}
