import { chownSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { systemRuntime } from "../../peer/messaging/runtime.ts";
import { connectMailbox } from "../../peer/network/mailbox/mailbox-client.ts";
import { canInjectFaults, hasSystemdAnalyze, isRoot } from "../support/capabilities.ts";
import { soon } from "../support/channels.ts";
import { newBox, newParcel } from "../support/mailbox.ts";
import { spawnRelay } from "../support/relay-process.ts";
import { tracing } from "../support/system-faults.ts";
import { SystemdUnit } from "../support/systemd-unit.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

/* The units in docs/OPERATIONS.md, as far as they can be tried where systemd does not run. */

const canAnalyze = hasSystemdAnalyze();
const NOBODY = 65_534;

describe.skipIf(!canAnalyze)("the unit of the", () => {
  test.each(["naming server", "relay"])("%s is understood, and leaves its program little", (description) => {
    const unit = new SystemdUnit(description);
    expect(unit.analyze("verify")).toEqual({ status: 0, output: "" });
    // in tenths; what is left are sockets, /proc and memory for compiled code
    expect(unit.analyze("security", "--offline=true", "--threshold=15")).toMatchObject({ status: 0 });
  });
});

describe.skipIf(!canAnalyze || !canInjectFaults() || !isRoot())("a relay under its unit", () => {
  test("finds its directory, and makes no system call and opens no socket that is forbidden there", async () => {
    const unit = new SystemdUnit("relay");
    const directory = temporaryDirectory();
    chownSync(directory, NOBODY, NOBODY);
    // as `DynamicUser` has it
    mkdirSync(join(directory, "private"), { mode: 0o700 });
    chownSync(join(directory, "private"), NOBODY, NOBODY);
    symlinkSync("private", join(directory, "state"));
    const [, inside = ""] = / --dir \/var\/lib\/p2pchat-relay(\S*) /.exec(unit.lines("ExecStart").join()) ?? [];
    const trace = join(directory, "trace");
    // root would give files to others, which nobody else tries
    const wrapper = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", ...tracing("all", trace)];
    const relay = spawnRelay(
      ["--dir", join(directory, "state", inside), "--port", "0", "--metrics-port", "0"],
      wrapper,
    );
    const { peerId, addresses, metricsUrl } = await relay.next(({ type }) => type === "relay");
    const [, port] = /\/ip4\/[\d.]+\/tcp\/(\d+)/.exec(String(addresses)) ?? [];
    {
      const address = `/ip4/127.0.0.1/tcp/${port}/p2p/${peerId}`;
      const options = { relay: address, allowLocal: true, runtime: systemRuntime, signal: soon() };
      await using mailbox = await connectMailbox(options);
      const owner = newBox();
      await mailbox.open(owner.contacts);
      await mailbox.deposit(owner.box, owner.token(), newParcel());
      await mailbox.receipt(owner.key, [(await mailbox.fetch(owner.box, 0)).last]);
    }
    expect((await fetch(`${metricsUrl}/readyz`)).status).toBe(200);
    process.kill(relay.pid, "SIGTERM");
    expect((await relay.exited).code).toBe(0);
    const text = readFileSync(trace, "utf8");
    const calls = new Set([...text.matchAll(/^\d+ +([a-z]\w*)\(/gm)].map(([, call = ""]) => call));
    expect(calls).toContain("fsync");
    const allowed = unit.allowedCalls();
    expect([...calls].filter((call) => !allowed.has(call))).toEqual([]);
    const families = [...text.matchAll(/ socket\((AF_\w+),/g)].map(([, family = ""]) => family);
    expect(families).toContain("AF_INET");
    expect([...new Set(families)].filter((family) => !unit.words("RestrictAddressFamilies").includes(family))).toEqual(
      [],
    );
  });
});
