import type { OperationName } from "../messaging/operations.ts";

/** Every operation, as a value; the compiler keeps the list complete. */
const OPERATIONS = {
  send: true,
  history: true,
  outboxList: true,
  outboxRetry: true,
  outboxCancel: true,
  contactsList: true,
  contactsShow: true,
  contactsRemove: true,
  contactsBlock: true,
  verify: true,
  trust: true,
  lookup: true,
  keyAudit: true,
  keyShow: true,
  keyRotate: true,
  keyTrustLog: true,
  online: true,
  visibility: true,
  status: true,
  whoami: true,
  edit: true,
  remove: true,
  react: true,
  markRead: true,
  typing: true,
  contactsAccept: true,
  contactsSet: true,
  inbox: true,
  diagnose: true,
  outboxWait: true,
  tokenCreate: true,
  tokenList: true,
  tokenRevoke: true,
  tokenLog: true,
} as const satisfies Record<OperationName, true>;

export const OPERATION_NAMES = Object.keys(OPERATIONS).filter(isOperationName);

export function isOperationName(text: string): text is OperationName {
  return Object.hasOwn(OPERATIONS, text);
}
