import { utf8 } from "../shared/bytes.ts";
import { ChatError } from "../shared/errors.ts";
import { sha256 } from "../shared/hash.ts";
import type { Allowances } from "./limits.ts";
import type { Terms } from "./storage/store.ts";

export const REGISTRATIONS = ["open", "invite", "closed"] as const;

/** Who gets a new name; names that are taken are updated whatever it is. */
export type Registration = (typeof REGISTRATIONS)[number];

export type Admission = { readonly registration: Registration; readonly allowances: Allowances };

export type Applicant = {
  readonly network: string;
  /** The code as sent, if any. */
  readonly invite: string | string[] | undefined;
};

/**
 * What a new name costs: one of its network's share, and one use of an invite code where registration is by invitation.
 *
 * @throws ChatError REGISTRATION_CLOSED, INVITE_REQUIRED, INVITE_INVALID
 */
export function termsOf({ registration, allowances }: Admission, { network, invite }: Applicant): Terms {
  const draw = { ...allowances.registration, kind: "registration", subject: network } as const;
  if (registration === "open") return { draw };
  if (registration === "closed") throw new ChatError("REGISTRATION_CLOSED", "this naming server takes no new names");
  if (invite === undefined) throw new ChatError("INVITE_REQUIRED", "this naming server takes new names by invitation");
  if (typeof invite === "string") return { draw, invite: hashOfInvite(invite) };
  throw new ChatError("INVITE_INVALID", "more than one invite code");
}

/** Codes are drawn at random and long, so that their hashes need no salt. */
export function hashOfInvite(code: string): Uint8Array {
  return sha256(utf8(code));
}
