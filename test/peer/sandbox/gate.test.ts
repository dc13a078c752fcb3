import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { Callers } from "../../../peer/sandbox/callers.ts";
import { Gate } from "../../../peer/sandbox/gate.ts";
import { Links } from "../../../peer/sandbox/links.ts";
import { FakeTime } from "../../support/fake-time.ts";

/** Bob's gate, in front of somebody who gives back what they are given; time stands still. */
async function gateOfBob() {
  const time = new FakeTime();
  const runtime = time.runtime("gate");
  const echo = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    socket.pipe(socket);
  });
  await once(echo.listen(0, "127.0.0.1"), "listening");
  const [links, callers] = [new Links(() => gate.review()), new Callers(runtime)];
  const gate = await Gate.open({ owner: "bob", links, callers, runtime });
  gate.target = (echo.address() as AddressInfo).port;
  onTestFinished(async () => {
    await gate[Symbol.asyncDispose]();
    echo.close();
  });
  /** Somebody at the gate, by the word of an attendant if there is one. */
  const call = async (name?: string) => {
    const socket = connect({ port: gate.port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    const line = new Line(socket);
    await once(socket, "connect").catch(() => undefined);
    if (name !== undefined) callers.hear(name, { localPort: socket.localPort, remotePort: gate.port });
    return line;
  };
  return { time, links, gate, call };
}

class Line {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  #text = "";
  #changed = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("data", (chunk) => {
      this.#text += String(chunk);
      this.#changed();
    });
  }

  get text(): string {
    return this.#text;
  }

  async receives(text: string): Promise<void> {
    while (!this.#text.includes(text)) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }
}

/** The other way round takes as long as it takes: steps until it has happened. */
async function passUntil(time: FakeTime, done: Promise<void>, stepMs: number): Promise<number> {
  let [passedMs, isDone] = [0, false];
  void done.then(() => {
    isDone = true;
  });
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve));
    if (time.timers === 0) continue;
    time.pass(stepMs);
    passedMs += stepMs;
  }
  return passedMs;
}

describe("a gate", () => {
  test("lets everybody through, whether they are known or not", async () => {
    const { call } = await gateOfBob();
    for (const line of [await call("alice"), await call()]) {
      line.socket.write("hello");
      await line.receives("hello");
    }
  });

  test("passes on the end of one direction, and what comes the other way after it", async () => {
    const { call } = await gateOfBob();
    const line = await call("alice");
    line.socket.end("the last word");
    await line.receives("the last word");
    await line.closed;
  });

  test("is shut while nobody is behind it, and open again when somebody is", async () => {
    const { gate, call } = await gateOfBob();
    const { target } = gate;
    gate.target = undefined;
    await (await call("alice")).closed;
    gate.target = target;
    const line = await call("alice");
    line.socket.write("hello");
    await line.receives("hello");
  });

  test("of a port that is taken does not open", async () => {
    const { gate } = await gateOfBob();
    const [links, callers] = [new Links(() => undefined), new Callers(new FakeTime().runtime("other"))];
    const other = { owner: "carol", links, callers, runtime: new FakeTime().runtime("other") };
    await expect(Gate.open(other, gate.port)).rejects.toMatchObject({ code: "CONFIG_INVALID", reason: "listen" });
  });
});

describe("a cut", () => {
  test("ends what is open between the two and refuses what comes, and nobody else's", async () => {
    const { links, call } = await gateOfBob();
    const [alice, carol] = [await call("alice"), await call("carol")];
    for (const line of [alice, carol]) {
      line.socket.write("one");
      await line.receives("one");
    }
    links.set("alice", "bob", { cut: true });
    await alice.closed;
    await (await call("alice")).closed;
    const again = await call("carol");
    for (const line of [carol, again]) {
      line.socket.write("two");
      await line.receives("two");
    }
    links.set("alice", "bob");
    const healed = await call("alice");
    healed.socket.write("three");
    await healed.receives("three");
  });

  test("holds for whoever could be anybody", async () => {
    const { time, links, call } = await gateOfBob();
    links.set("alice", "bob", { cut: true });
    const line = await call();
    await passUntil(time, line.closed, 500);
    expect(line.text).toBe("");
  });
});

describe("a line", () => {
  test("that drops everything delivers it, in order, once it is healed", async () => {
    const { links, call } = await gateOfBob();
    const [alice, carol] = [await call("alice"), await call("carol")];
    alice.socket.write("one ");
    await alice.receives("one ");
    links.set("alice", "bob", { dropped: true });
    alice.socket.write("two ");
    carol.socket.write("two ");
    await carol.receives("two ");
    alice.socket.end("three");
    expect(alice.text).toBe("one ");
    links.set("alice", "bob");
    await alice.receives("one two three");
    await alice.closed;
  });

  test("that is slow to answer delays each way by that much", async () => {
    const { time, links, call } = await gateOfBob();
    const alice = await call("alice");
    alice.socket.write("known");
    await alice.receives("known");
    links.set("alice", "bob", { delayMs: 1000 });
    alice.socket.write("late");
    expect(await passUntil(time, alice.receives("late"), 100)).toBeGreaterThanOrEqual(2000);
  });

  test("that is throttled passes so many bytes a second, and all that waits when it is healed", async () => {
    const { time, links, call } = await gateOfBob();
    const alice = await call("alice");
    alice.socket.write("known");
    await alice.receives("known");
    links.set("alice", "bob", { bytesPerSecond: 1000 });
    alice.socket.write(`${"x".repeat(4999)}y`);
    expect(await passUntil(time, alice.receives("y"), 100)).toBeGreaterThanOrEqual(4900);
    alice.socket.write(`${"x".repeat(99_999)}z`);
    await alice.receives("x");
    links.set("alice", "bob");
    await alice.receives("z");
  });
});
