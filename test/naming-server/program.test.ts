import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { openSqliteStore } from "../../naming-server/storage/sqlite-store.ts";
import { parseUsername } from "../../shared/username.ts";
import type { Child } from "../support/child-process.ts";
import {
  assertionOf,
  call,
  putRecord,
  requestToken,
  spawnNamingServer,
  startServerProcess,
} from "../support/naming-server.ts";
import { addressRecordOf, personOf, recordTextOf } from "../support/people.ts";
import { openSocket, readToEnd } from "../support/raw-http.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const bob = personOf("bob");
const freshPath = () => join(temporaryDirectory(), "naming.db");
const nowSeconds = () => Math.floor(Date.now() / 1000);

async function outcomeOf(child: Child) {
  const exit = once(child, "exit");
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code, signal] = await exit;
  return { code, signal, stdout, stderr };
}

describe("the program", () => {
  test("says in one line where it listens, logs JSON elsewhere, and stops cleanly on SIGTERM and SIGINT", async () => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const { url, child } = await startServerProcess({ databasePath: freshPath() });
      expect((await call({ url }, "GET", "/readyz")).status).toBe(200);
      const outcome = outcomeOf(child);
      child.kill(signal);
      const { code, stdout, stderr } = await outcome;
      expect([code, stdout]).toEqual([0, ""]);
      for (const line of stderr.trimEnd().split("\n")) expect(JSON.parse(line)).toHaveProperty("msg");
    }
  });

  test("finishes what is in flight when it is told to stop, and takes nothing new", async () => {
    const { url, child } = await startServerProcess({ databasePath: freshPath() });
    const record = await recordTextOf(bob, { iat: nowSeconds() });
    const socket = await openSocket({ url });
    const head = `PUT /v1/names/bob HTTP/1.1\r\nHost: x\r\nContent-Type: application/jose\r\n`;
    socket.write(`${head}Expect: 100-continue\r\nContent-Length: ${record.length}\r\n\r\n`);
    await once(socket, "readable");
    expect(String(socket.read())).toContain("100 Continue");
    const outcome = outcomeOf(child);
    child.kill("SIGTERM");
    await expect.poll(() => call({ url }, "GET", "/healthz").catch(() => "refused")).toBe("refused");
    const answer = readToEnd(socket);
    socket.write(record);
    expect(await answer).toMatch(/^HTTP\/1\.1 201 /);
    expect((await outcome).code).toBe(0);
  });

  test("loses nothing that it acknowledged when it is told to stop under load", async () => {
    const databasePath = freshPath();
    const { url, child } = await startServerProcess({ databasePath });
    const outcome = outcomeOf(child);
    const acknowledged: string[] = [];
    const enrol = async (name: string) => {
      const record = await recordTextOf(personOf(name), { iat: nowSeconds() });
      const answer = await putRecord({ url }, name, record);
      if (answer.status === 201) acknowledged.push(name);
      if (acknowledged.length === 40) child.kill("SIGTERM");
    };
    const clients = Array.from({ length: 8 }, async (_, client) => {
      for (let index = 0; index < 1000; index++) await enrol(`user-${client}-${index}`);
    });
    expect((await Promise.allSettled(clients)).map(({ status }) => status)).toEqual(clients.map(() => "rejected"));
    expect((await outcome).code).toBe(0);
    const store = openSqliteStore(databasePath);
    const found = await Promise.all(acknowledged.map((name) => store.findName(parseUsername(name))));
    await store.close();
    expect(found.filter((name) => name === undefined)).toEqual([]);
    expect(acknowledged.length).toBeGreaterThanOrEqual(40);
  });

  test.each([
    [["--port", "65536"], "PORT (--port): a number from 0 to 65535"],
    [["--port", "x"], "PORT (--port): a number from 0 to 65535"],
    [["--database-url", "mysql://localhost/x"], "DATABASE_URL (--database-url): "],
    [["--public-url", "ftp://x"], "PUBLIC_URL (--public-url): "],
    [["--log-level", "loud"], "LOG_LEVEL (--log-level): "],
    [["--tls-cert", "x.pem"], "TLS_CERT and TLS_KEY go together"],
    [["--tls-cert", "no.pem", "--tls-key", "no.pem"], "cannot read the TLS files: "],
    [["--unknown"], "Unknown option '--unknown'"],
    [["extra"], "there is no command extra"],
    [["--host", "192.0.2.1"], "cannot listen on 192.0.2.1 port 0: "],
  ])("refuses %j in one line and exits 1", async (args, complaint) => {
    const { code, stdout, stderr } = await outcomeOf(spawnNamingServer({ databasePath: freshPath(), args }));
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^[^\n]+\n$/);
    expect(JSON.parse(stderr)).toEqual({
      level: 60,
      time: expect.any(Number),
      code: "CONFIG_INVALID",
      msg: expect.stringContaining(complaint),
    });
  });

  test("explains itself without opening anything", async () => {
    const databasePath = freshPath();
    const help = await outcomeOf(spawnNamingServer({ databasePath, args: ["--help"] }));
    expect([help.code, help.stderr]).toEqual([0, ""]);
    for (const flag of ["--host", "--port", "--database-url", "--public-url", "--tls-cert", "--log-level"]) {
      expect(help.stdout).toContain(flag);
    }
    const version = await outcomeOf(spawnNamingServer({ databasePath, args: ["--version"] }));
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(readdirSync(join(databasePath, ".."))).toEqual([]);
  });

  test("keeps its files to its owner, whatever the umask and whatever they were", async () => {
    for (const umask of ["000", "022", "077"]) {
      const databasePath = freshPath();
      const wrapper = ["sh", "-c", `umask ${umask}; touch "$0"; exec "$@"`, databasePath];
      const { url, child } = await startServerProcess({ databasePath, wrapper });
      expect(readFileSync(`/proc/${child.pid}/status`, "latin1")).toMatch(/^Umask:\s0077$/m);
      await putRecord({ url }, "bob", await recordTextOf(bob, { iat: nowSeconds() }));
      for (const suffix of ["", "-wal", "-shm"]) expect(statSync(databasePath + suffix).mode & 0o777).toBe(0o600);
    }
  });

  test("opens no debugger on SIGUSR1, nor for an inherited NODE_OPTIONS", async () => {
    const wrapper = ["env", "NODE_OPTIONS=--inspect=127.0.0.1:0"];
    const { url, child } = await startServerProcess({ databasePath: freshPath(), wrapper });
    child.kill("SIGUSR1");
    expect((await call({ url }, "GET", "/healthz")).status).toBe(200);
    expect(listeningPortsOf(child.pid ?? 0)).toEqual([Number(new URL(url).port)]);
  });

  test("writes no snapshot of its memory for an inherited NODE_OPTIONS", async () => {
    const databasePath = freshPath();
    const directory = join(databasePath, "..", "snapshots");
    const wrapper = ["env", `NODE_OPTIONS=--heap-prof --heap-prof-dir=${directory}`];
    const { child } = await startServerProcess({ databasePath, wrapper });
    const outcome = outcomeOf(child);
    child.kill("SIGTERM");
    expect((await outcome).code).toBe(0);
    expect(existsSync(directory)).toBe(false);
  });

  test("writes nothing of names, tokens, records, addresses or keys to its logs at any level", async () => {
    const args = ["--log-level", "trace"];
    const { url, child } = await startServerProcess({ databasePath: freshPath(), args });
    const outcome = outcomeOf(child);
    const record = await recordTextOf(bob, { iat: nowSeconds() });
    await putRecord({ url }, "bob", record);
    const assertion = await assertionOf(bob, Date.now());
    const { access_token: token } = (await requestToken({ url }, assertion)).json as { access_token: string };
    const addresses = `/v1/devices/${bob.device}/addresses`;
    const body = await addressRecordOf(bob, { exp: nowSeconds() + 60 });
    await call({ url }, "PUT", addresses, { token, type: "application/jose", body });
    await call({ url }, "GET", "/v1/names/canary-name", { token });
    await call({ url }, "GET", "/v1/names/canary%00name", { token });
    await call({ url }, "GET", "/canary-path");
    await call({ url }, "PUT", "/v1/names/canary-name", { type: "application/jose", body: "canary-body" });
    await call({ url }, "GET", "/v1/names/bob", { token: "canary-token" });
    child.kill("SIGTERM");
    const { stderr } = await outcome;
    expect(stderr).toContain("/v1/names/:name");
    for (const canary of ["canary", "bob", token, assertion, record, body, bob.device, "192.0.2.7"]) {
      expect(stderr).not.toContain(canary);
    }
  });
});

/** Ports on which the sockets of a process listen, from the kernel's table. */
function listeningPortsOf(pid: number): number[] {
  const rows = ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, "latin1").split("\n").slice(1),
  );
  const own = new Set(openInodes(pid));
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === "0A" && own.has(inode ?? ""))
    .map(([, local]) => Number.parseInt(local?.split(":")[1] ?? "", 16));
}

function openInodes(pid: number): string[] {
  const directory = `/proc/${pid}/fd`;
  return readdirSync(directory).flatMap((fd) => {
    const [, inode] = /^socket:\[(\d+)\]$/.exec(readLink(join(directory, fd))) ?? [];
    return inode === undefined ? [] : [inode];
  });
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
