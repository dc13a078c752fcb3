import type { Content } from "../../../shared/content.ts";
import type { DeviceId } from "../../../shared/device-id.ts";
import type { Username } from "../../../shared/username.ts";
import type { Path } from "../path.ts";

/** One numbering: a device's, in one incarnation and conversation. */
export type Lane = { readonly device: DeviceId; readonly incarnation: Uint8Array; readonly conversation: Uint8Array };

export type InboundMessage = {
  readonly messageId: Uint8Array;
  readonly envelopeId: Uint8Array;
  readonly from: Username;
  readonly device: DeviceId;
  readonly incarnation: Uint8Array;
  readonly conversation: Uint8Array;
  readonly seq: number;
  /** What the next one names. */
  readonly link: Uint8Array;
  readonly kind: string;
  readonly body: Uint8Array;
  /** Empty for kinds that are not shown. */
  readonly text: string;
  readonly sentAtMs: number;
  readonly receivedAtMs: number;
  /** How it came. */
  readonly path: Path;
};

/**
 * What a reader sees; `gapBefore` counts the messages known to be missing right before it. One that is not `readable`
 * stands for that gap alone.
 */
export type VisibleMessage = Pick<
  InboundMessage,
  "messageId" | "from" | "text" | "sentAtMs" | "receivedAtMs" | "seq" | "kind" | "path"
> & {
  readonly content: Content | undefined;
  readonly cursor: number;
  readonly gapBefore: number;
  readonly readable: boolean;
  /** It says something about an earlier message. */
  readonly change: boolean;
  /** When it is to be forgotten here. */
  readonly expiresAtMs: number | undefined;
};

/** `text`: a message. `change`: of an earlier one. `request`: a stranger's, which waits to be accepted. */
export type Show = "nothing" | "text" | "change" | "request";

/** How a text is kept: `nothing` once it has expired. */
export type KeptText = { readonly show: Show; readonly expiresAtMs: number | undefined };

/** @property bytes  of what came, where less of it is kept */
export type Keeping = { readonly expiresAtMs?: number | undefined; readonly bytes?: number };

export interface InboxStore {
  hasEnvelope(device: DeviceId, envelopeId: Uint8Array): boolean;
  /** The link of the message that was stored under that sequence. */
  linkAt(lane: Lane, seq: number): Uint8Array | undefined;
  /** Whether that person's message was stored before, by whichever of their devices. */
  hasMessage(from: Username, messageId: Uint8Array): boolean;
  /** The sequence up to which that numbering is visible. */
  mark(lane: Lane): number | undefined;
  /** Keeps a signed envelope as proof of what that device has sent, unless a newer one is kept. */
  keepProof(lane: Lane, seq: number, signed: Uint8Array): void;
  proof(lane: Lane): Uint8Array | undefined;
  /** The newest marks of a device, for the hello. */
  marks(device: DeviceId, limit: number): readonly (Omit<Lane, "device"> & { readonly seq: number })[];
  setMark(lane: Lane, seq: number): void;
  /** Stores a message that nobody sees yet. */
  add(message: InboundMessage, show: Show, keeping?: Keeping): void;
  /** The texts that came under that id: one for each person, by whichever of their devices. */
  texts(messageId: Uint8Array): readonly (KeptText & { readonly from: Username })[];
  /** People whose messages wait to be accepted, and how many there are. */
  requests(): readonly { readonly from: Username; readonly messages: number }[];
  /** Their messages are shown from now on, behind all that is visible. */
  accept(from: Username): void;
  /** The messages of that person that were never taken before; from now on they were. */
  takeUnread(from: Username): readonly Uint8Array[];
  /** Forgets what it said; its place stays. */
  erase(from: Username, messageId: Uint8Array): void;
  /** The lowest sequence above `after` that is stored and not visible yet. */
  nextHeld(lane: Lane, after: number): number | undefined;
  /** The highest sequence that is stored and not visible yet. */
  lastHeld(lane: Lane): number | undefined;
  /** Makes one visible under the next cursor, behind `gapBefore` missing ones. @returns whether anybody sees it */
  release(lane: Lane, seq: number, gapBefore: number): boolean;
  /** Every lane with something held, for the timers after a restart. */
  heldLanes(): readonly Lane[];
  /** What is readable or behind a gap, in the order of the cursors. */
  visibleAfter(cursor: number, limit: number): readonly VisibleMessage[];
  /** The newest cursor given, 0 before the first. */
  newestCursor(): number;
  /** From now on what that person has stored here until now does not count. */
  countAnew(from: Username): void;
  /** What a person has stored here that counts. */
  usage(from: Username): { readonly messages: number; readonly bytes: number };
}
