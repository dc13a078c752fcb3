import type { DeviceId } from "../../shared/device-id.ts";
import type { Published, StoredDevice } from "./store.ts";

/** A device as a look-up selects it, in either database. */
export type DeviceColumns = {
  readonly device: DeviceId;
  readonly address_record: string | null;
  readonly address_expires: number | null;
  readonly mailbox_record: string | null;
  readonly mailbox_expires: number | null;
};

export function toDevice(row: DeviceColumns): StoredDevice {
  return {
    device: row.device,
    address: toPublished(row.address_record, row.address_expires),
    mailbox: toPublished(row.mailbox_record, row.mailbox_expires),
  };
}

function toPublished(record: string | null, expires: number | null): Published | undefined {
  return record === null || expires === null ? undefined : { record, expires };
}
