import type { ChatError } from "../../../shared/errors.ts";
import type { LogView } from "../../messaging/operations/keys.ts";
import type { Diagnosis } from "../../messaging/operations/status.ts";
import type { ServerInsight } from "../context.ts";
import { localTime } from "../instant.ts";
import { bad, type Check, ok, unknown, warn } from "./check.ts";

/** Clocks may differ by this much anywhere in the protocol. */
const SKEW_MS = 30_000;
const FEW_KEY_PACKAGES = 10;

/** What was found of the server; undefined where no address of one is known. */
export type Probed = ServerInsight | ChatError | undefined;

export function serverChecks(probed: Probed, expected: string | undefined): readonly Check[] {
  if (probed === undefined) {
    return [unknown("server", "none is set", "Name one with --server URL or P2PCHAT_SERVER."), noClock()];
  }
  if (probed instanceof Error) return [bad("server", probed), noClock()];
  return [serverCheck(probed, expected), clockCheck(probed)];
}

function serverCheck({ url, publicUrl, apiVersion, latencyMs }: ServerInsight, expected: string | undefined): Check {
  if (expected !== undefined && expected !== publicUrl) {
    const message = `this profile belongs to ${expected}, the server calls itself ${publicUrl}`;
    return bad("server", { code: "SERVER_MISMATCH", message });
  }
  const spelling = publicUrl === url ? url : `${url}, which is ${publicUrl}`;
  return ok("server", `${spelling}, interface ${apiVersion}, answered in ${latencyMs} ms`);
}

const noClock = () => unknown("clock", "there is no server to compare it with");

function clockCheck({ clockOffsetMs }: ServerInsight): Check {
  if (clockOffsetMs === null) return unknown("clock", "the server does not say what time it is");
  const seconds = Math.round(Math.abs(clockOffsetMs) / 1000);
  if (Math.abs(clockOffsetMs) <= SKEW_MS) return ok("clock", `within ${Math.max(1, seconds)} s of the server's`);
  const side = clockOffsetMs > 0 ? "behind" : "ahead of";
  return warn(
    "clock",
    `${seconds} s ${side} the server's`,
    "Set this machine's clock; p2pchat corrects its own until then.",
  );
}

/** What the server makes of this device; `diagnosis` is undefined where the profile could not be opened. */
export function accountChecks(diagnosis: Diagnosis | undefined, log: LogView | undefined): readonly Check[] {
  if (diagnosis === undefined) {
    return ["token", "own-record", "log", "key-packages"].map((name) => unknown(name, "could not be asked"));
  }
  return [
    diagnosis.token === null ? ok("token", "the server knows this device") : bad("token", diagnosis.token),
    recordCheck(diagnosis),
    log === undefined ? unknown("log", "could not be asked") : logCheck(log),
    keyPackagesCheck(diagnosis),
  ];
}

function recordCheck({ token, record: { trouble, seq, position } }: Diagnosis): Check {
  if (token !== null) return unknown("own-record", "could not be asked without a token");
  if (trouble !== null) return bad("own-record", trouble);
  if (position === null) return unknown("own-record", "the log does not have it yet");
  return ok("own-record", `lists this key and device; sequence ${seq}, entry ${position} of the log`);
}

function logCheck({ state, size, signedAt }: LogView): Check {
  const signed = signedAt === null ? "" : `, signed ${localTime(signedAt)}`;
  const message = `${size} entries${signed}`;
  if (state === "ok") return ok("log", `${message}; it continues what was seen before`);
  if (state === "unknown") return unknown("log", "nothing of it was seen yet");
  return bad("log", { code: state, message });
}

function keyPackagesCheck({ keyPackages }: Diagnosis): Check {
  if (keyPackages === null) return unknown("key-packages", "could not be asked");
  const { count, lastResort } = keyPackages;
  const message = `${count} at the server${lastResort ? ", and a last resort" : ""}`;
  if (count >= FEW_KEY_PACKAGES) return ok("key-packages", message);
  const advice = "p2pchat listen makes new ones.";
  if (count > 0 || lastResort) return warn("key-packages", message, advice);
  return bad("key-packages", { code: "NO_KEY_PACKAGE", message: "none: nobody new can write to you" }, advice);
}
