import { describe, expect, test } from "vitest";
import { PunchAttempts } from "../../../../peer/network/punching/punch-attempts.ts";
import { deviceIdOf } from "../../../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../../../shared/ed25519.ts";
import { seedOf } from "../../../support/networks.ts";

const ids = ["alice", "bob", "carol"].map((name) => deviceIdOf(publicKeyOfSeed(seedOf(name)))).toSorted();
const [small, middle, big] = [ids[0] ?? fail(), ids[1] ?? fail(), ids[2] ?? fail()];

function fail(): never {
  throw new Error("no id");
}

function attemptsOf(limits: { punchIntervalMs?: number; punchesAtOnce?: number } = {}) {
  const time = { ms: 0 };
  const attempts = new PunchAttempts({
    self: middle,
    limits: { punchIntervalMs: 1000, punchIntervalMaxMs: 8000, punchesAtOnce: 2, ...limits },
    monotonic: () => time.ms,
  });
  return { time, attempts };
}

const forever = () => new Promise<string>(() => {});
const met = async () => "met";

describe("an attempt to meet", () => {
  test("is made once at a time with each device, and again only after a while", async () => {
    const { attempts, time } = attemptsOf();
    expect(await attempts.run("own", big, met)).toBe("met");
    time.ms = 999;
    expect(await attempts.run("own", big, met)).toBeUndefined();
    time.ms = 1000;
    expect(await attempts.run("own", big, met)).toBe("met");
  });

  test("that fails leaves room for the next", async () => {
    const { attempts, time } = attemptsOf();
    const failing = async () => {
      throw new Error("not met");
    };
    await expect(attempts.run("own", big, failing)).rejects.toThrow("not met");
    time.ms = 1000;
    expect(await attempts.run("own", big, met)).toBe("met");
  });

  test("that the other side wishes has to wait twice as long after each that failed, until one succeeds", async () => {
    const { attempts, time } = attemptsOf();
    const failing = async () => {
      throw new Error("not met");
    };
    for (const waitMs of [1000, 2000, 4000, 8000, 8000]) {
      await expect(attempts.run("theirs", big, failing)).rejects.toThrow("not met");
      time.ms += waitMs - 1;
      expect(await attempts.run("theirs", big, met)).toBeUndefined();
      time.ms += 1;
    }
    expect(await attempts.run("theirs", big, met)).toBe("met");
    time.ms += 1000;
    expect(await attempts.run("theirs", big, met)).toBe("met");
  });

  test("of one's own waits no longer for that: how often it is made is decided elsewhere", async () => {
    const { attempts, time } = attemptsOf();
    for (let n = 0; n < 4; n += 1) {
      await expect(attempts.run("own", big, () => Promise.reject(new Error("not met")))).rejects.toThrow("not met");
      time.ms += 1000;
    }
  });

  test("that failed long ago counts no more", async () => {
    const { attempts, time } = attemptsOf();
    for (let n = 0; n < 4; n += 1) {
      await expect(attempts.run("theirs", big, () => Promise.reject(new Error("not met")))).rejects.toThrow("not met");
      time.ms += 16_000;
    }
    expect(await attempts.run("theirs", big, met)).toBe("met");
    time.ms += 1000;
    expect(await attempts.run("theirs", big, met)).toBe("met");
  });

  test("that is still under way is not forgotten", async () => {
    const { attempts, time } = attemptsOf();
    void attempts.run("own", big, forever);
    time.ms = 5000;
    expect(await attempts.run("own", big, met)).toBeUndefined();
  });

  test("of both sides at once follows the smaller id", async () => {
    const { attempts } = attemptsOf();
    void attempts.run("own", small, forever);
    expect(await attempts.run("theirs", small, met)).toBe("met");
    void attempts.run("own", big, forever);
    expect(await attempts.run("theirs", big, met)).toBeUndefined();
  });

  test("of the other side goes before one's own", async () => {
    const { attempts } = attemptsOf();
    void attempts.run("theirs", big, forever);
    expect(await attempts.run("own", big, met)).toBeUndefined();
  });

  test("is one of few", async () => {
    const { attempts } = attemptsOf({ punchesAtOnce: 1 });
    void attempts.run("theirs", big, forever);
    expect(await attempts.run("theirs", small, met)).toBeUndefined();
  });
});
