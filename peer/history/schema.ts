import type { Migrations } from "./migrations.ts";

/*
 * Names, keys, texts and session state stand in `sealed` columns only; BLOB columns called `..._tag`, `conversation`,
 * `device`, `lane` and the like hold keyed tags (`Sealer.tag`), which say nothing to a reader without the data key.
 * Random ids, hashes, counters and times stand in the clear.
 */
const VERSION_1 = `
  CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    sealed BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE contacts (
    name_tag BLOB PRIMARY KEY,
    sealed BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE contact_devices (
    device BLOB NOT NULL,
    name_tag BLOB NOT NULL REFERENCES contacts (name_tag) ON DELETE CASCADE,
    PRIMARY KEY (device, name_tag)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX contact_devices_by_name ON contact_devices (name_tag);

  CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    id_tag BLOB NOT NULL UNIQUE,
    device BLOB NOT NULL,
    -- null once closed: the id alone is remembered, so that its Welcome is refused for ever
    sealed BLOB
  ) STRICT;
  CREATE INDEX sessions_by_device ON sessions (device);

  CREATE TABLE key_packages (
    reference BLOB PRIMARY KEY,
    last_resort INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    sealed BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE numbering (
    conversation BLOB PRIMARY KEY,
    last INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE links (
    conversation BLOB NOT NULL,
    device BLOB NOT NULL,
    link BLOB NOT NULL,
    PRIMARY KEY (conversation, device)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- envelope id of what came in, message id of one's own
    key BLOB NOT NULL UNIQUE,
    message_id BLOB NOT NULL,
    inbound INTEGER NOT NULL,
    conversation BLOB NOT NULL,
    -- sender device, incarnation and conversation; null for one's own
    lane BLOB,
    sender BLOB,
    link BLOB,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    -- false for kinds that nobody reads
    readable INTEGER NOT NULL,
    -- null while a message waits behind a gap
    cursor INTEGER UNIQUE,
    gap_before INTEGER NOT NULL DEFAULT 0,
    sealed BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX messages_by_lane ON messages (lane, seq) WHERE inbound = 1;
  CREATE INDEX messages_held ON messages (lane, seq) WHERE inbound = 1 AND cursor IS NULL;
  CREATE INDEX messages_by_conversation ON messages (conversation, id);
  CREATE INDEX messages_by_sender ON messages (sender, message_id) WHERE inbound = 1;

  CREATE TABLE received (
    lane BLOB PRIMARY KEY,
    device BLOB NOT NULL,
    high INTEGER NOT NULL,
    -- the newest envelope as its sender signed it, sealed, and its number: proof for a sender who has forgotten
    proof BLOB,
    proof_seq INTEGER NOT NULL DEFAULT 0,
    changed_at INTEGER NOT NULL,
    sealed BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX received_by_device ON received (device, changed_at);

  CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id BLOB NOT NULL,
    device BLOB NOT NULL,
    seq INTEGER NOT NULL,
    envelope_id BLOB NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('queued', 'stored', 'failed')),
    path TEXT,
    tombstone INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    reason TEXT,
    accepted_at INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    -- the sealed envelope; null once it is stored, for history has the text
    envelope BLOB
  ) STRICT;
  CREATE INDEX outbox_queued ON outbox (device, id) WHERE state = 'queued';
  CREATE INDEX outbox_failed ON outbox (id) WHERE state = 'failed';
  CREATE INDEX outbox_by_message ON outbox (message_id);

  CREATE TABLE requests (
    key_tag BLOB PRIMARY KEY,
    message_id BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE cursors (
    reader TEXT PRIMARY KEY,
    cursor INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/** The naming server's log is public: nothing in it says whom this profile knows. */
const VERSION_2 = `
  CREATE TABLE log_chunks (
    n INTEGER PRIMARY KEY,
    -- null until the chunk is complete; before the leaves, whose pages are not read for it then
    root BLOB,
    leaves BLOB NOT NULL
  ) STRICT;
`;

/** What mailboxes need: where a queued message was left, and what two devices have granted each other. */
const VERSION_3 = `
  ALTER TABLE outbox ADD COLUMN relayed BLOB;

  CREATE TABLE mailbox_grants (
    device BLOB PRIMARY KEY,
    granted BLOB,
    given BLOB
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE parcels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device BLOB NOT NULL,
    sealed BLOB NOT NULL
  ) STRICT;
  CREATE INDEX parcels_by_device ON parcels (device, id);
`;

/**
 * What is said about messages later. `readable` of a message says since: 0 nobody sees it, 1 a text, 2 a change of another
 * message, 3 a stranger's that waits to be accepted.
 */
const VERSION_4 = `
  ALTER TABLE messages ADD COLUMN expires_at INTEGER;
  CREATE INDEX messages_expiring ON messages (expires_at) WHERE expires_at IS NOT NULL;
  CREATE INDEX messages_requested ON messages (sender, id) WHERE readable = 3;

  -- up to where somebody's messages were seen here
  CREATE TABLE read_marks (
    sender BLOB PRIMARY KEY,
    cursor INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX messages_by_sender_cursor ON messages (sender, cursor) WHERE inbound = 1;

  ALTER TABLE outbox ADD COLUMN displayed INTEGER NOT NULL DEFAULT 0;

  -- the newest of each kind that each person said about a message
  CREATE TABLE amendments (
    target BLOB NOT NULL,
    author BLOB NOT NULL,
    kind TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (target, author, kind)
  ) STRICT, WITHOUT ROWID;
`;

/** What other programs may do here, and what they did. */
const VERSION_5 = `
  CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    last_used_at INTEGER,
    sealed BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE token_log (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    -- empty where a wrong token was shown
    token TEXT NOT NULL,
    at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    sealed BLOB NOT NULL
  ) STRICT;
  CREATE INDEX token_log_by_token ON token_log (token, n);
`;

/** Answers to parcels, until they are left. */
const VERSION_6 = `
  CREATE TABLE parcel_answers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device BLOB NOT NULL,
    frame_tag BLOB NOT NULL,
    at INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    UNIQUE (device, frame_tag)
  ) STRICT;
  CREATE INDEX parcel_answers_by_time ON parcel_answers (at);
`;

/** Whether an envelope has ever lain in a mailbox, even if it is to be left again. */
const VERSION_7 = `
  ALTER TABLE outbox ADD COLUMN left_once INTEGER NOT NULL DEFAULT 0;
  UPDATE outbox SET left_once = 1 WHERE relayed IS NOT NULL;
`;

/** What a request asked for, as a keyed tag: its message may be forgotten before it is repeated. */
const VERSION_8 = `
  ALTER TABLE requests ADD COLUMN said BLOB;
  CREATE INDEX messages_by_message ON messages (message_id, sender) WHERE inbound = 1;
`;

/** From where on counts what somebody has stored who was removed. */
const VERSION_9 = `
  CREATE TABLE usage_marks (
    sender BLOB PRIMARY KEY,
    -- of the last message that does not count
    id INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/** What a reader has done behind its place, and what failed there: cursors and counts, as JSON. */
const VERSION_10 = `
  ALTER TABLE cursors ADD COLUMN ahead TEXT;
`;

/**
 * What stood before an own change that no device has stored yet: it stands again where the change is cancelled. Rising: a
 * later change of the same message and kind has a higher `n`.
 */
const VERSION_11 = `
  CREATE TABLE former_words (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    change BLOB NOT NULL UNIQUE,
    target BLOB NOT NULL,
    author BLOB NOT NULL,
    kind TEXT NOT NULL,
    -- null: nothing was said
    sealed BLOB
  ) STRICT;
  CREATE INDEX former_words_by_target ON former_words (target);
`;

export const MIGRATIONS: Migrations = [
  VERSION_1,
  VERSION_2,
  VERSION_3,
  VERSION_4,
  VERSION_5,
  VERSION_6,
  VERSION_7,
  VERSION_8,
  VERSION_9,
  VERSION_10,
  VERSION_11,
];
