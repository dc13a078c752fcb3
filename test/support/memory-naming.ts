import type { NameAnswer, NamingServer, PublicMailbox } from "../../peer/messaging/ports/naming-server.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError } from "../../shared/errors.ts";
import type { NameRecord } from "../../shared/name-record.ts";
import type { Username } from "../../shared/username.ts";
import { type MemoryLog, memoryLog } from "./memory-log.ts";

/** The reading half of a naming server in memory, which shows whatever it is told to. */
export interface MemoryNaming extends Pick<NamingServer, "lookup" | "history"> {
  /** Shows the last record, and all of them as history. */
  show(records: readonly NameRecord[], addresses?: Readonly<Record<string, readonly string[]>>): void;
  /** Shows it with the name; one without boxes is shown no longer. */
  showMailbox(username: Username, device: DeviceId, mailbox: PublicMailbox): void;
  /** Shows this record and that history, whether they fit or not. */
  pretend(record: NameRecord, history: readonly NameRecord[]): void;
  /** Fails with this error, or answers again. */
  fail(error: Error | undefined): void;
  /** Answers nothing until `release` is called. */
  hold(): { release(): void };
  readonly lookups: number;
  /** A log that holds whatever is shown. */
  readonly log: MemoryLog;
}

type Shown = { answer: NameAnswer; history: readonly NameRecord[] };

export function memoryNaming(): MemoryNaming {
  const shown = new Map<Username, Shown>();
  let failure: Error | undefined;
  let gate = Promise.resolve();
  let lookups = 0;

  async function find(username: Username): Promise<Shown> {
    await gate;
    if (failure !== undefined) throw failure;
    const found = shown.get(username);
    if (found === undefined) throw new ChatError("NAME_UNKNOWN", "no such name");
    return found;
  }

  function put(record: NameRecord, history: readonly NameRecord[], addresses: NameAnswer["addresses"]): void {
    const mailboxes = new Map(shown.get(record.payload.name)?.answer.mailboxes);
    shown.set(record.payload.name, { answer: { record, addresses, mailboxes }, history });
  }

  const log = memoryLog((username) => {
    const found = shown.get(username);
    return found === undefined ? [] : [...new Set([...found.history, found.answer.record])];
  });

  return {
    log,
    show(records, addresses = {}) {
      const newest = records.at(-1);
      if (newest === undefined) throw new Error("nothing to show");
      put(newest, records, new Map(Object.entries(addresses) as [DeviceId, readonly string[]][]));
    },
    showMailbox(username, device, mailbox) {
      const found = shown.get(username);
      if (found === undefined) return;
      const mailboxes = new Map(found.answer.mailboxes);
      if (mailbox.boxes.length > 0) mailboxes.set(device, mailbox);
      else mailboxes.delete(device);
      shown.set(username, { ...found, answer: { ...found.answer, mailboxes } });
    },
    pretend: (record, history) => put(record, history, new Map()),
    fail(error) {
      failure = error;
    },
    hold() {
      const held = Promise.withResolvers<void>();
      gate = held.promise;
      return { release: held.resolve };
    },
    async lookup(username) {
      lookups += 1;
      return (await find(username)).answer;
    },
    async history(username, after) {
      return (await find(username)).history.filter(({ payload }) => payload.seq > after);
    },
    get lookups() {
      return lookups;
    },
  };
}
