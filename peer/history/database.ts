import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { ChatError, isChatError } from "../../shared/errors.ts";
import { type Migrations, migrate } from "./migrations.ts";
import { createPrivateFile } from "./private-file.ts";
import { type ReserveFile, reserveFile } from "./reserve-file.ts";
import { asStorageError } from "./storage-error.ts";

const BUSY_TIMEOUT_MS = 2000;

const SYNCHRONOUS_FULL = 2;

/** Of a bare `LIMIT ?` SQLite looks at the value for its plan, and so compiles the statement anew each time it is bound. */
export const LIMIT = "LIMIT CAST(? AS INTEGER)";

/** Handles that met an I/O error: closing them would write to a disk whose state is not known. */
const abandoned = new Set<DatabaseSync>();

/**
 * Opens `chat.db`, or makes it, and brings it to the newest version. On a full disk the reserve file makes room for this.
 *
 * @throws ChatError STORAGE, STORE_CORRUPT
 */
export function openDatabase(path: string, options: { migrations: Migrations; checkIntegrity?: boolean }): Database {
  const reserve = reserveFile(`${path}.reserve`);
  const database = withReserve(reserve, () => open(path, reserve, options));
  reserve.restore();
  return database;
}

/** One connection. Synchronous throughout: nothing else runs in the process between two statements of a transaction. */
export class Database {
  readonly #handle: DatabaseSync;
  readonly #reserve: ReserveFile;
  readonly #statements = new Map<string, Statement<object>>();
  #failure: ChatError | undefined;

  constructor(handle: DatabaseSync, reserve: ReserveFile) {
    this.#handle = handle;
    this.#reserve = reserve;
  }

  /** The statement of that text, prepared once. `Row` says what its columns are; the schema vouches for it. */
  prepare<Row extends object>(sql: string): Statement<Row> {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known as Statement<Row>;
    const statement = this.#run(() => this.#handle.prepare(sql));
    const made = new Statement<Row>(statement, (work) => this.#run(work));
    this.#statements.set(sql, made);
    return made;
  }

  /**
   * Runs `work` in one write transaction: all of it is on disk when this returns, nothing of it when this throws.
   *
   * @throws ChatError STORAGE, STORE_CORRUPT; INTERNAL when nested, or when `work` is asynchronous
   */
  transaction<T>(work: () => T extends PromiseLike<unknown> ? never : T): T {
    this.#assertNotNested();
    return this.#write(work);
  }

  /**
   * The same for marks that gate no acknowledgement (what was shown, what a peer has confirmed): does not wait for the
   * disk. A killed process loses nothing of it, a power failure may undo it, until the next `transaction` is on disk.
   * Never `synchronous=OFF`: that leaves out the syncs around checkpoints too, and endangers what was on disk.
   */
  mark<T>(work: () => T extends PromiseLike<unknown> ? never : T): T {
    this.#assertNotNested();
    this.#run(() => this.#handle.exec("PRAGMA synchronous = NORMAL"));
    try {
      return this.#write(work);
    } finally {
      this.#run(() => this.#handle.exec("PRAGMA synchronous = FULL"));
    }
  }

  /**
   * A part of the transaction that may fail by itself: what it throws undoes what it changed, and nothing else. Where
   * SQLite has rolled back everything by itself, the transaction throws at its end.
   */
  part<T>(work: () => T): T {
    if (!this.#handle.isTransaction) throw new ChatError("INTERNAL", "there is no transaction to be a part of");
    this.#run(() => this.#handle.exec("SAVEPOINT part"));
    try {
      const result = work();
      this.#run(() => this.#handle.exec("RELEASE part"));
      return result;
    } catch (error) {
      if (this.#handle.isTransaction) this.#run(() => this.#handle.exec("ROLLBACK TO part; RELEASE part"));
      throw error;
    }
  }

  #assertNotNested(): void {
    if (this.#handle.isOpen && this.#handle.isTransaction) throw new ChatError("INTERNAL", "transactions do not nest");
  }

  #write<T>(work: () => T): T {
    this.#run(() => this.#handle.exec("BEGIN IMMEDIATE"));
    try {
      const result = work();
      assertNotPromise(result);
      this.#run(() => this.#handle.exec("COMMIT"));
      return result;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  /** Puts the reserve back once there is room again; for a moment when nothing is urgent. */
  restoreReserve(): boolean {
    return this.#reserve.restore();
  }

  /** Idempotent. */
  close(): void {
    if (this.#failure !== undefined || !this.#handle.isOpen) return;
    this.#statements.clear();
    this.#run(() => this.#handle.close());
  }

  /** After some errors SQLite has rolled back by itself. A failure here changes nothing for the caller. */
  #rollBack(): void {
    try {
      if (this.#handle.isTransaction) this.#handle.exec("ROLLBACK");
    } catch (error) {
      this.#note(asStorageError(error));
    }
  }

  #run<T>(work: () => T): T {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return work();
    } catch (error) {
      const meaning = asStorageError(error);
      this.#note(meaning);
      throw meaning;
    }
  }

  #note(error: unknown): void {
    if (!isChatError(error, "STORAGE")) return;
    if (error.reason === "full") this.#reserve.release();
    if (error.reason !== "io") return;
    this.#failure = error;
    abandoned.add(this.#handle);
  }
}

/** A prepared statement whose failures are ChatErrors. */
export class Statement<Row extends object> {
  readonly #statement: StatementSync;
  readonly #guard: <T>(work: () => T) => T;

  constructor(statement: StatementSync, guard: <T>(work: () => T) => T) {
    this.#statement = statement;
    this.#guard = guard;
  }

  run(...values: SQLInputValue[]): { readonly changes: number; readonly lastInsertRowid: number } {
    const { changes, lastInsertRowid } = this.#guard(() => this.#statement.run(...values));
    return { changes: Number(changes), lastInsertRowid: Number(lastInsertRowid) };
  }

  get(...values: SQLInputValue[]): Row | undefined {
    return this.#guard(() => this.#statement.get(...values)) as Row | undefined;
  }

  all(...values: SQLInputValue[]): Row[] {
    return this.#guard(() => this.#statement.all(...values)) as Row[];
  }
}

function open(
  path: string,
  reserve: ReserveFile,
  { migrations, checkIntegrity }: { migrations: Migrations; checkIntegrity?: boolean },
): Database {
  // SQLite gives its -wal and -shm the mode of the database
  createPrivateFile(path);
  const handle = connect(path);
  try {
    if (checkIntegrity) assertSound(handle);
    migrate(handle, path, migrations);
    return new Database(handle, reserve);
  } catch (error) {
    handle.close();
    throw error;
  }
}

function withReserve<T>(reserve: ReserveFile, work: () => T): T {
  try {
    return guarded(work);
  } catch (error) {
    const noRoom = isChatError(error, "STORAGE") && error.reason === "full";
    if (!noRoom || !reserve.release()) throw error;
    return guarded(work);
  }
}

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asStorageError(error);
  }
}

function connect(path: string): DatabaseSync {
  const handle = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    configure(handle, {
      journal_mode: ["WAL", "wal"],
      synchronous: ["FULL", SYNCHRONOUS_FULL],
      foreign_keys: ["ON", 1],
      // deleted keys are overwritten, and no query spills into the temporary folder
      secure_delete: ["ON", 1],
      temp_store: ["MEMORY", 2],
    });
    return handle;
  } catch (error) {
    handle.close();
    throw error;
  }
}

/** Sets each pragma and reads it back: SQLite ignores silently what it cannot do. */
function configure(handle: DatabaseSync, pragmas: Record<string, readonly [string, string | number]>): void {
  for (const [name, [value, expected]] of Object.entries(pragmas)) {
    handle.exec(`PRAGMA ${name} = ${value}`);
    const found = handle.prepare(`PRAGMA ${name}`).get()?.[name];
    if (found !== expected)
      throw new ChatError("STORAGE", `this disk does not allow ${name}=${value}`, { reason: "pragma" });
  }
}

function assertSound(handle: DatabaseSync): void {
  const verdict = handle.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
  if (verdict !== "ok") throw new ChatError("STORE_CORRUPT", "the database is damaged", { details: { verdict } });
}

function assertNotPromise(result: unknown): void {
  if (typeof result === "object" && result !== null && "then" in result) {
    throw new ChatError("INTERNAL", "a transaction cannot be asynchronous");
  }
}
