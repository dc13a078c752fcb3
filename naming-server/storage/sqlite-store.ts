import type { DatabaseSync } from "node:sqlite";
import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError } from "../../shared/errors.ts";
import type { Username } from "../../shared/username.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { GroupCommit } from "./group-commit.ts";
import { mustRise, notListed } from "./refusals.ts";
import { SqliteAllowances } from "./sqlite-allowances.ts";
import { storageError } from "./sqlite-errors.ts";
import { openSqliteFile } from "./sqlite-file.ts";
import { SqliteKeyPackages } from "./sqlite-key-packages.ts";
import { SqliteMailboxes } from "./sqlite-mailboxes.ts";
import { SqliteNames } from "./sqlite-names.ts";
import { SqlitePresence } from "./sqlite-presence.ts";
import { SqliteRelays } from "./sqlite-relays.ts";
import { SqliteRestoration } from "./sqlite-restoration.ts";
import { prepareStatements, type Statements } from "./sqlite-statements.ts";
import type {
  AddressRow,
  CheckpointRow,
  ClaimedKeyPackage,
  Draw,
  ForgetBefore,
  InviteRow,
  KeyPackageCount,
  KeyPackageUpload,
  LeafRow,
  ListedRelay,
  LogState,
  MailboxRow,
  Presence,
  RecordRow,
  RelayRow,
  Restoration,
  RestoredStore,
  SigningKeyRow,
  Store,
  StoredName,
  StoredRecord,
  Terms,
  Transition,
} from "./store.ts";

/** @throws ChatError as `openSqliteFile` */
export function openSqliteStore(path: string): Store {
  return new SqliteStore(openSqliteFile(path));
}

/** The store in one SQLite file. Statements run at once and block the event loop, so each is a bounded look-up. */
class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  readonly #commits: GroupCommit;
  readonly #names: SqliteNames;
  readonly #presence: SqlitePresence;
  readonly #keyPackages: SqliteKeyPackages;
  readonly #allowances: SqliteAllowances;
  readonly #mailboxes: SqliteMailboxes;
  readonly #relays: SqliteRelays;
  readonly #restoration: SqliteRestoration;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#statements = prepareStatements(database);
    this.#commits = new GroupCommit(database, SERVER_LIMITS.groupCommitMaxWrites);
    this.#presence = new SqlitePresence(database);
    this.#keyPackages = new SqliteKeyPackages(database);
    this.#allowances = new SqliteAllowances(database);
    this.#names = new SqliteNames(database, { presence: this.#presence, allowances: this.#allowances });
    this.#mailboxes = new SqliteMailboxes(database);
    this.#relays = new SqliteRelays(database);
    this.#restoration = new SqliteRestoration(database);
  }

  findName(name: Username): Promise<StoredName | undefined> {
    return this.#read(() => this.#names.find(name));
  }

  foreignWrites(): Promise<number> {
    return this.#read(() => Number(this.#statements.dataVersion.get()?.data_version));
  }

  listRecords(name: Username, after: number, limit: number): Promise<readonly StoredRecord[] | undefined> {
    return this.#read(() => this.#names.listRecords(name, after, limit));
  }

  createName(row: RecordRow, terms: Terms = {}): Promise<"created" | "repeated"> {
    return this.#commits.write(() => this.#names.create(row, terms));
  }

  replaceRecord(row: RecordRow, previous: string, draw?: Draw): Promise<"replaced" | "repeated"> {
    return this.#commits.write(() => this.#names.replace(row, previous, draw));
  }

  addInvite(invite: InviteRow): Promise<void> {
    return this.#commits.write(() => this.#allowances.addInvite(invite));
  }

  listLeaves(start: number, limit: number): Promise<readonly LeafRow[]> {
    return this.#read(() => this.#statements.listLeaves.all(start, limit) as LeafRow[]);
  }

  findLogIndex(name: Username, seq: number): Promise<number | undefined> {
    return this.#read(() => this.#statements.findLogIndex.get(name, seq)?.log_index as number | undefined);
  }

  readLog(): Promise<LogState> {
    return this.#read(() => ({
      size: Number(this.#statements.logSize.get()?.size),
      checkpoint: this.#statements.findCheckpoint.get() as CheckpointRow | undefined,
    }));
  }

  /** Records get their place as they are inserted: here only one transaction writes at a time. */
  async sequenceRecords(): Promise<void> {}

  saveCheckpoint(next: CheckpointRow, previous: string | undefined, seed: Uint8Array): Promise<boolean> {
    const { size, root, time, note } = next;
    return this.#commits.write(
      () => this.#statements.saveCheckpoint.run(size, root, time, note, previous ?? null, seed).changes > 0,
    );
  }

  keepLogSeed(fresh: Uint8Array): Promise<Uint8Array> {
    return this.#commits.write(() => {
      this.#statements.insertLogSeed.run(fresh);
      return this.#statements.findLogSeed.get()?.seed as Uint8Array;
    });
  }

  putAddress({ name, device, seq, expires, record, at }: AddressRow): Promise<void> {
    return this.#commits.write(() => {
      if (this.#statements.putAddress.run(seq, record, expires, device, name).changes > 0) {
        if (expires > at) this.#presence.came(device, at);
        return;
      }
      const current = this.#statements.findAddress.get(device, name);
      if (current === undefined) throw notListed();
      if (current.address_record === record) return;
      throw mustRise("an address record");
    });
  }

  deleteAddress(device: DeviceId, at: number): Promise<void> {
    return this.#commits.write(() => {
      this.#presence.left(device, at);
      this.#statements.deleteAddress.run(device);
    });
  }

  expireAddresses(at: number): Promise<number> {
    return this.#commits.write(() => this.#presence.expired(at));
  }

  readPresence(): Promise<Presence> {
    return this.#read(() => this.#presence.read());
  }

  listTransitions(after: number, limit: number): Promise<readonly Transition[]> {
    return this.#read(() => this.#presence.list(after, limit));
  }

  listOnline(at: number): Promise<readonly { name: Username; device: DeviceId }[]> {
    return this.#read(() => this.#statements.listOnline.all(at) as { name: Username; device: DeviceId }[]);
  }

  putMailbox(row: MailboxRow): Promise<void> {
    return this.#commits.write(() => this.#mailboxes.put(row));
  }

  putRelay(row: RelayRow, max: number): Promise<void> {
    return this.#commits.write(() => this.#relays.put(row, max));
  }

  listRelays(at: number, limit: number): Promise<readonly ListedRelay[]> {
    return this.#read(() => this.#relays.list(at, limit));
  }

  addKeyPackages(upload: KeyPackageUpload): Promise<KeyPackageCount> {
    return this.#commits.write(() => this.#keyPackages.add(upload));
  }

  claimKeyPackages(name: Username, at: number, draw?: Draw): Promise<readonly ClaimedKeyPackage[] | undefined> {
    return this.#commits.write(() => {
      if (!this.#names.has(name)) return undefined;
      const waitSeconds = draw === undefined ? 0 : this.#allowances.tryDraw(draw, at);
      return waitSeconds === 0 ? this.#keyPackages.claim(name, at) : this.#keyPackages.lastResorts(name, waitSeconds);
    });
  }

  rememberAssertion({ sub, jti, expires }: { sub: Username; jti: string; expires: number }): Promise<void> {
    return this.#commits.write(() => {
      if (this.#statements.insertAssertion.run(sub, jti, expires).changes > 0) return;
      throw new ChatError("TOKEN_REPLAYED", "the assertion has been used");
    });
  }

  listSigningKeys(): Promise<readonly SigningKeyRow[]> {
    return this.#read(() => this.#statements.listSigningKeys.all() as SigningKeyRow[]);
  }

  addSigningKey({ generation, seed, activeFrom }: SigningKeyRow): Promise<void> {
    return this.#commits.write(() => void this.#statements.insertSigningKey.run(generation, seed, activeFrom));
  }

  deleteSigningKeysBefore(generation: number): Promise<void> {
    return this.#commits.write(() => void this.#statements.deleteSigningKeys.run(generation));
  }

  forgetExpired(before: ForgetBefore): Promise<void> {
    return this.#commits.write(() => {
      this.#presence.expired(before.addresses);
      this.#presence.forget(before.transitions);
      this.#statements.forgetAssertions.run(before.assertions);
      this.#statements.forgetAddresses.run(before.addresses);
      this.#mailboxes.forget(before.mailboxes);
      this.#relays.forget(before.relays);
      this.#keyPackages.forget(before.claims);
      this.#allowances.forget(before.allowances);
    });
  }

  markRestored(restored: RestoredStore): Promise<void> {
    const parts = { presence: this.#presence, keyPackages: this.#keyPackages };
    return this.#commits.write(() => this.#restoration.mark(restored, parts));
  }

  findRestoration(): Promise<Restoration | undefined> {
    return this.#read(() => this.#restoration.find());
  }

  ping(): Promise<void> {
    return this.#read(() => void this.#statements.ping.get());
  }

  sizeBytes(): Promise<number> {
    return this.#read(() => Number(this.#statements.sizeBytes.get()?.bytes));
  }

  async close(): Promise<void> {
    this.#commits.flush();
    this.#database.close();
  }

  async #read<T>(work: () => T): Promise<T> {
    try {
      return work();
    } catch (error) {
      throw storageError(error);
    }
  }
}
