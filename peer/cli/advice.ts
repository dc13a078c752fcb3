import type { ErrorCode } from "../../shared/errors.ts";

/** What is safe and what to do next, where the message alone does not say. */
export const ADVICE: Partial<Record<ErrorCode, string>> = {
  USAGE: "See p2pchat --help.",
  CONFIG_INVALID: "Nothing was done. Correct that setting and try again.",
  USERNAME_TAKEN: "Choose another name. Your keys are kept.",
  USERNAME_CONFUSABLE: "Choose a name that cannot be mistaken for it.",
  REGISTRATION_CLOSED: "Ask whoever runs that naming server, or use another one.",
  INVITE_REQUIRED: "Ask whoever runs that naming server for a code, then use --invite CODE.",
  INVITE_INVALID: "Ask whoever runs that naming server for a new one.",
  HTTP_REFUSED: "Use an https:// address, or --allow-http if you trust every network on the way.",
  MESSAGE_TOO_LARGE: "Send it in parts.",
  PROFILE_MISSING:
    "Make one with p2pchat init, or name another with --profile. Scripts: p2pchat register <username> --server URL.",
  PROFILE_EXISTS: "Nothing was changed. Use another --profile for another name.",
  PROFILE_UNSAFE: "This profile is not used until that is put right.",
  PROFILE_BUSY: "Nothing was lost. Try again when it is done, or stop it.",
  DAEMON_MISMATCH: "Nothing was sent. Stop that p2pchat listen, then try again.",
  CONTACT_UNKNOWN: "See p2pchat contacts.",
  CONTACT_BLOCKED: "Undo with p2pchat contacts unblock <contact>.",
  OUTBOX_UNKNOWN: "See p2pchat outbox.",
  MESSAGE_UNKNOWN: "See p2pchat history <name> --json for the ids.",
  SAFETY_NUMBER_MISMATCH: "Do not trust this contact until you know why: somebody may be between you.",
  NAME_UNKNOWN: "Check the spelling and the naming server.",
  KEY_CHANGED:
    "Nothing was sent to the new key; what is queued stays here. Ask the person, then p2pchat trust <contact>.",
  LOG_FORKED: "Known contacts go on. Show the notes of p2pchat key audit to others; ask who runs that naming server.",
  LOG_INVALID:
    "Nothing was sent. See p2pchat key audit <name>, and ask the person and whoever runs that naming server.",
  LOG_STALE: "Known contacts go on; nobody new is trusted until the server renews its log.",
  CLOCK_SKEW: "Set this machine's clock.",
  PASSPHRASE_REQUIRED: "Use a terminal, --passphrase-file or --passphrase-command.",
  PASSPHRASE_WRONG: "Nothing was changed. Try again.",
  RATE_LIMITED: "Wait a little, then try again.",
  SERVER_UNREACHABLE: "Known contacts work without it. Check the address and the network.",
  STORAGE: "What was confirmed before is safe. Check the disk's free space and health.",
  STORE_CORRUPT: "Nothing was changed. Restore the profile from a backup, or register a new one.",
  INTERNAL: "This is a fault of p2pchat. What was confirmed before is safe.",
};
