import type { CiphersuiteImpl } from "ts-mls";
import type { DeviceId } from "../../shared/device-id.ts";
import type { RandomBytes } from "./ciphersuite.ts";

/** What this side brings to every session. */
export type OwnDevice = {
  readonly id: DeviceId;
  readonly publicKey: Uint8Array;
  /** 32 bytes; the device key is the MLS signature key. */
  readonly seed: Uint8Array;
  readonly suite: CiphersuiteImpl;
  readonly randomBytes: RandomBytes;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
};
