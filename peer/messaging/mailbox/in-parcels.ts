import { PARCEL_FRAME_OVERHEAD, PARCEL_MAX_FRAME_BYTES } from "../../../shared/parcel.ts";
import { LIMITS } from "../../../shared/protocol.ts";

/** Whether those frames go in one parcel. */
export function fitInParcel(frames: readonly Uint8Array[]): boolean {
  const size = frames.reduce((sum, { length }) => sum + length + PARCEL_FRAME_OVERHEAD, 0);
  return frames.length <= LIMITS.parcelMaxFrames && size <= PARCEL_MAX_FRAME_BYTES;
}

/** Frames, in as few parcels as hold them. */
export function inParcels(frames: readonly Uint8Array[]): Uint8Array[][] {
  const parcels: Uint8Array[][] = [];
  for (const frame of frames) {
    const last = parcels.at(-1);
    if (last !== undefined && fitInParcel([...last, frame])) last.push(frame);
    else parcels.push([frame]);
  }
  return parcels;
}
