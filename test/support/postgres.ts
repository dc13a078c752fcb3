import { randomUUID } from "node:crypto";
import { Client } from "pg";
import { afterAll, beforeAll } from "vitest";
import { canStartClusters, PostgresCluster, START_TIMEOUT_MS } from "./postgres-cluster.ts";

const EXTERNAL_URL = process.env["TEST_DATABASE_URL"];

/** Whether there is a PostgreSQL to test with; says so where there is none. */
export function hasPostgres(): boolean {
  const there = EXTERNAL_URL !== undefined || canStartClusters();
  if (!there) console.warn("SKIPPING what needs PostgreSQL: install Debian's postgresql, or set TEST_DATABASE_URL");
  return there;
}

/** Whether there is one that a test may stop, kill and start again. */
export function hasOwnPostgres(): boolean {
  const there = canStartClusters();
  if (!there) console.warn("SKIPPING what stops and starts PostgreSQL: install Debian's postgresql");
  return there;
}

/** PostgreSQL for the tests of one file. */
export class TestPostgres {
  #url = EXTERNAL_URL ?? "";
  #cluster: PostgresCluster | undefined;

  /** One for all tests of the calling file, begun before them and ended after them. */
  static forFile({ own = false } = {}): TestPostgres {
    const postgres = new TestPostgres();
    beforeAll(async () => {
      if (own ? canStartClusters() : hasPostgres()) await postgres.start(own);
    }, START_TIMEOUT_MS);
    afterAll(() => postgres.stop());
    return postgres;
  }

  async start(own: boolean): Promise<void> {
    if (EXTERNAL_URL !== undefined && !own) return;
    this.#cluster = await PostgresCluster.create();
    this.#url = this.#cluster.url;
  }

  async stop(): Promise<void> {
    await this.#cluster?.[Symbol.asyncDispose]();
  }

  get cluster(): PostgresCluster {
    if (this.#cluster === undefined) throw new Error("this PostgreSQL is not the tests' own");
    return this.#cluster;
  }

  /** The URL of an empty schema: to the naming server a database of its own. */
  async createDatabase(): Promise<string> {
    const schema = `t_${randomUUID().replaceAll("-", "")}`;
    await this.run(this.#url, `CREATE SCHEMA ${schema}`);
    const url = new URL(this.#url);
    url.searchParams.set("options", `-csearch_path=${schema}`);
    return url.href;
  }

  /** Runs SQL on a connection of its own. */
  async run(url: string, sql: string): Promise<Record<string, unknown>[]> {
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }
}
