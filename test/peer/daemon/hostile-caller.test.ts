import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { callRaw, closed, startTestServer } from "../../support/control-socket.ts";
import { ALICE, fakeOperations, MESSAGE } from "../../support/fake-operations.ts";

describe("a hostile caller", () => {
  test("that sends an endless line is cut off early", async () => {
    const { path } = await startTestServer();
    const { socket } = await callRaw(path);
    const end = closed(socket);
    const chunk = Buffer.alloc(64 * 1024, 0x61);
    let written = 0;
    const pour = () => {
      while (!socket.destroyed && socket.write(chunk)) written += chunk.length;
    };
    socket.on("drain", pour);
    pour();
    await end;
    expect(written).toBeLessThan(16 * 1024 * 1024);
  });

  test("that does not read its answers is cut off, and others are served", async () => {
    const text = "a".repeat(15_000);
    const messages = Array.from({ length: 200 }, () => ({ ...MESSAGE, text, direction: "in" as const }));
    let calls = 0;
    const history = async () => {
      calls += 1;
      return { messages, older: null };
    };
    const { path } = await startTestServer({ operations: fakeOperations({ history }), slowReaderMs: 100 });
    const socket = connect(path);
    socket.on("error", () => undefined);
    const request = `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "history", params: { with: "bob" } })}\n`;
    socket.write(request.repeat(1000));
    // A socket that is not read notices its end when it writes.
    const knocking = setInterval(() => socket.write("\n"), 20);
    await closed(socket);
    clearInterval(knocking);
    // Each answer has 3 MB: a thousand of them would have been kept in memory.
    expect(calls).toBeLessThan(40);
    const caller = await callRaw(path);
    caller.request("whoami");
    expect(await caller.next()).toMatchObject({ result: ALICE });
  });

  test("has at most sixteen requests at work", async () => {
    const gate = Promise.withResolvers<typeof ALICE>();
    let calls = 0;
    const whoami = () => {
      calls += 1;
      return gate.promise;
    };
    const { path } = await startTestServer({ operations: fakeOperations({ whoami }) });
    const [flooding, other] = [await callRaw(path), await callRaw(path)];
    for (let id = 0; id < 100; id += 1) flooding.request("whoami", {}, id);
    other.request("lookup", { username: "bob" });
    await other.next();
    expect(calls).toBeLessThanOrEqual(16);
    gate.resolve(ALICE);
    for (let id = 0; id < 100; id += 1) expect(await flooding.next()).toMatchObject({ result: ALICE });
    expect(calls).toBe(100);
  });

  test("cannot hold more than 64 connections, and lets go of them", async () => {
    const { path } = await startTestServer();
    const callers = await Promise.all(Array.from({ length: 64 }, () => callRaw(path)));
    const refused = connect(path);
    refused.on("error", () => undefined);
    await closed(refused);
    callers[0]?.request("whoami");
    expect(await callers[0]?.next()).toMatchObject({ result: ALICE });
  });
});
