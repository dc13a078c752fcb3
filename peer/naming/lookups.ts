import { verifyAddressRecord } from "../../shared/address-record.ts";
import { historySchema, nameSchema, presenceSchema } from "../../shared/api.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError, isChatError } from "../../shared/errors.ts";
import { verifyMailboxRecord } from "../../shared/mailbox-record.ts";
import { type NameRecord, parseNameRecord } from "../../shared/name-record.ts";
import type { Username } from "../../shared/username.ts";
import type { NameAnswer, NamingServer, PublicMailbox } from "../messaging/ports/naming-server.ts";
import { readAnswer } from "./answer.ts";
import type { Clock } from "./clock.ts";
import type { Call } from "./http.ts";

/** A name as last answered in full; what its devices publish is judged anew each time it is used. */
type Remembered = {
  readonly etag: string;
  readonly record: NameRecord;
  readonly addresses: readonly Listed[];
  readonly mailboxes: readonly Listed[];
};
type Listed = { readonly device: DeviceId; readonly record: string };

/** Where the record stands in the log is looked up in this device's own copy. */
const shownNameSchema = nameSchema.omit({ log: true });

const REMEMBERED_MAX = 1000;
/** A name's whole life: a rotation or a change of devices a day for ten years. A longer history is meant to exhaust. */
const HISTORY_MAX_RECORDS = 4096;

export function createLookups({
  call,
  clock,
}: {
  call: Call;
  clock: Clock;
}): Pick<NamingServer, "lookup" | "history" | "online"> {
  const remembered = new Map<Username, Remembered>();
  const callAbout = (username: Username, ...asked: Parameters<Call>) => call(...asked).catch(naming(username));

  async function fetchName(username: Username, signal: AbortSignal | undefined): Promise<Omit<Remembered, "etag">> {
    const known = remembered.get(username);
    const headers = known === undefined ? {} : { "if-none-match": known.etag };
    const answer = await callAbout(username, { method: "GET", path: `/v1/names/${username}`, headers }, signal);
    if (answer.status === 304 && known !== undefined) return known;
    const { record, addresses, mailboxes } = readAnswer(answer, shownNameSchema);
    const fresh = { record: readRecord(record, username), addresses, mailboxes };
    remember(username, answer.headers.etag, fresh);
    return fresh;
  }

  function remember(username: Username, etag: string | undefined, fresh: Omit<Remembered, "etag">): void {
    remembered.delete(username);
    if (etag === undefined) return;
    const [oldest] = remembered.keys();
    if (remembered.size >= REMEMBERED_MAX && oldest !== undefined) remembered.delete(oldest);
    remembered.set(username, { etag, ...fresh });
  }

  return {
    async lookup(username, signal): Promise<NameAnswer> {
      const { record, addresses, mailboxes } = await fetchName(username, signal);
      const nowMs = clock.now();
      return {
        record,
        addresses: await liveAddresses(record, addresses, nowMs),
        mailboxes: await liveMailboxes(record, mailboxes, nowMs),
      };
    },

    async history(username, after, signal) {
      const records: NameRecord[] = [];
      for (let next: number | null = after; next !== null; ) {
        const path = `/v1/names/${username}/history?after=${next}`;
        const answer = await callAbout(username, { method: "GET", path }, signal);
        const page: HistoryPage = readAnswer(answer, historySchema);
        for (const text of page.records) records.push(readNext(text, username, after + records.length + 1));
        if (page.next !== null && (page.records.length === 0 || records.length > HISTORY_MAX_RECORDS)) {
          throw new ChatError("SERVER_ERROR", "the history does not end", { reason: "history" });
        }
        next = page.next === null ? null : after + records.length;
      }
      return records;
    },

    async online(signal) {
      const { online } = readAnswer(await call({ method: "GET", path: "/v1/presence" }, signal), presenceSchema);
      return online.map(({ name, devices }) => ({ username: name, devices }));
    },
  };
}

type HistoryPage = { readonly records: readonly string[]; readonly next: number | null };

/** The server answers alike for every name that it does not give out; this side knows whom it asked for. */
function naming(username: Username): (error: unknown) => never {
  return (error) => {
    if (!isChatError(error, "NAME_UNKNOWN")) throw error;
    const details = { ...error.details, username };
    throw new ChatError("NAME_UNKNOWN", `nobody is called ${username}`, { details, cause: error });
  };
}

function readRecord(text: string, username: Username): NameRecord {
  const record = parseNameRecord(text);
  if (record.payload.name === username) return record;
  throw new ChatError("RECORD_INVALID", "the server answered with another name's record", { reason: "name" });
}

function readNext(text: string, username: Username, seq: number): NameRecord {
  const record = readRecord(text, username);
  if (record.payload.seq === seq) return record;
  throw new ChatError("RECORD_INVALID", `record ${seq} is missing from the history`, { reason: "history" });
}

async function liveAddresses(
  record: NameRecord,
  listed: readonly Listed[],
  nowMs: number,
): Promise<ReadonlyMap<DeviceId, readonly string[]>> {
  const newest = await newestOf(record, listed, (text) => verifyAddressRecord(text, nowMs));
  return new Map([...newest].map(([device, { addrs }]) => [device, addrs]));
}

async function liveMailboxes(
  record: NameRecord,
  listed: readonly Listed[],
  nowMs: number,
): Promise<ReadonlyMap<DeviceId, PublicMailbox>> {
  const newest = await newestOf(record, listed, (text) => verifyMailboxRecord(text, nowMs));
  const open = [...newest].filter(([, { boxes }]) => boxes.length > 0);
  return new Map(open.map(([device, { key, boxes, exp }]) => [device, { key, boxes, exp }]));
}

/** Leaves out what proves nothing: the server may withhold such records anyway, so a bad one is no worse than none. */
async function newestOf<T extends { device: DeviceId; name: Username; seq: number }>(
  { payload: { name }, devices }: NameRecord,
  listed: readonly Listed[],
  verify: (text: string) => Promise<{ readonly payload: T }>,
): Promise<ReadonlyMap<DeviceId, T>> {
  const newest = new Map<DeviceId, T>();
  for (const { device, record } of listed) {
    const payload = (await verify(record).catch(asAbsent))?.payload;
    if (payload?.device !== device || payload.name !== name || !devices.includes(device)) continue;
    if (payload.seq > (newest.get(device)?.seq ?? 0)) newest.set(device, payload);
  }
  return newest;
}

function asAbsent(error: unknown): undefined {
  if (!isChatError(error)) throw error;
}
