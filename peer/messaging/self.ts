import type { KeyObject } from "node:crypto";
import type { DeviceId } from "../../shared/device-id.ts";
import type { Username } from "../../shared/username.ts";

/** Who this profile is. */
export type Self = {
  readonly username: Username;
  readonly device: DeviceId;
  readonly deviceKey: KeyObject;
  /** Raw identity key, 32 bytes. */
  readonly identity: Uint8Array;
  /** Random, 16 bytes, new whenever the profile is made or restored: numbering starts anew with it. */
  readonly incarnation: Uint8Array;
};
