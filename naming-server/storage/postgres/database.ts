import { ChatError } from "../../../shared/errors.ts";
import { SERVER_LIMITS } from "../../limits.ts";
import { isRetried, leavesConnection, sqlState, storageError, unreachable } from "./errors.ts";

/** SQL that each connection prepares once, under its name. */
export type Statement = { readonly name: string; readonly text: string };

export type Result<Row> = { readonly rows: readonly Row[]; readonly count: number };

/** @param values  in the order of `$1`, `$2`... */
export type Query = <Row>(statement: Statement, ...values: readonly unknown[]) => Promise<Result<Row>>;

/** What is used of a connection of `pg`. */
export type Connection = {
  query(config: { name?: string; text: string; values?: unknown[] }): Promise<{
    rows: unknown[];
    rowCount: number | null;
  }>;
  /** @param destroy  true where it is not fit for another */
  release(destroy?: boolean): void;
};

/** What is used of a pool of `pg`. */
export type Connections = {
  readonly totalCount: number;
  connect(): Promise<Connection>;
  end(): Promise<void>;
};

export type DatabaseOptions = {
  readonly connections: Connections;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
};

/**
 * Transactions that are run again when the database undoes them in favour of others (SQLSTATE 40001, 40P01): what they do
 * besides SQL must bear that. Faults of the database arise as ChatErrors.
 */
export class Database {
  readonly #options: DatabaseOptions;

  constructor(options: DatabaseOptions) {
    this.#options = options;
  }

  /** One statement as a transaction of its own. */
  readonly query: Query = <Row>(statement: Statement, ...values: readonly unknown[]) =>
    this.#retried((query) => query<Row>(statement, ...values));

  /** What `work` throws undoes the transaction. */
  transaction<T>(work: (query: Query) => Promise<T>): Promise<T> {
    return this.#retried(async (query) => {
      await query({ name: "", text: "BEGIN" });
      try {
        const value = await work(query);
        await query({ name: "", text: "COMMIT" });
        return value;
      } catch (error) {
        if (leavesConnection(error)) await query({ name: "", text: "ROLLBACK" });
        throw error;
      }
    });
  }

  close(): Promise<void> {
    return this.#options.connections.end();
  }

  async #retried<T>(work: (query: Query) => Promise<T>): Promise<T> {
    const { random, sleep } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#once(work);
      } catch (error) {
        if (!isRetried(error) || attempt >= SERVER_LIMITS.databaseAttempts) throw storageError(error);
      }
      const backOffMs = SERVER_LIMITS.databaseRetryMs * 2 ** attempt;
      await sleep(random() * Math.min(backOffMs, SERVER_LIMITS.databaseRetryMaxMs));
    }
  }

  async #once<T>(work: (query: Query) => Promise<T>): Promise<T> {
    const connection = await this.#connect();
    let isFit = false;
    try {
      const value = await work(queryOn(connection));
      isFit = true;
      return value;
    } catch (error) {
      isFit = leavesConnection(error);
      throw error;
    } finally {
      connection.release(!isFit);
    }
  }

  async #connect(): Promise<Connection> {
    const { connections } = this.#options;
    try {
      return await connections.connect();
    } catch (error) {
      const isFull = connections.totalCount >= SERVER_LIMITS.databaseConnections;
      if (isFull) throw new ChatError("SERVER_BUSY", "all connections to the database are in use", { cause: error });
      throw sqlState(error) === undefined ? unreachable(error) : error;
    }
  }
}

/** Whatever is no answer of the database is the loss of the connection. */
function queryOn(connection: Connection): Query {
  return async <Row>({ name, text }: Statement, ...values: readonly unknown[]) => {
    try {
      const { rows, rowCount } = await connection.query({ ...(name !== "" && { name }), text, values: [...values] });
      return { rows: rows as Row[], count: rowCount ?? 0 };
    } catch (error) {
      throw sqlState(error) === undefined ? unreachable(error) : error;
    }
  };
}
