import { isChatError } from "../../shared/errors.ts";
import type { MessengerDeps } from "./messenger.ts";
import type { Diagnosis, Trouble } from "./operations/status.ts";

/** For all questions together. */
const PATIENCE_MS = 15_000;

/** Asks the naming server what it makes of this device. A question that fails is an answer too. */
export async function diagnose(deps: MessengerDeps): Promise<Diagnosis> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  // First, for the others need a token too: what is wrong with it is said of it alone.
  const held = await settled(() => deps.naming.uploadKeyPackages({ keyPackages: [] }, signal));
  if (held.trouble !== null) {
    return { token: held.trouble, keyPackages: null, record: { trouble: held.trouble, ...NO_RECORD }, published: [] };
  }
  const [record, published] = await Promise.all([ownRecord(deps, signal), ownAddresses(deps, signal)]);
  return { token: null, keyPackages: held.value, record, published };
}

const NO_RECORD = { seq: null, position: null };

/** The first thing that is wrong with the own name: its record, its keys, its place in the log. */
async function ownRecord({ auditor, self }: MessengerDeps, signal: AbortSignal): Promise<Diagnosis["record"]> {
  const audit = await settled(() => auditor.audit(self.username, signal));
  if (audit.trouble !== null) return { trouble: audit.trouble, ...NO_RECORD };
  const { records, problems } = audit.value;
  const [problem] = problems;
  const newest = records.at(-1);
  return {
    trouble: problem === undefined ? null : { code: problem.code, message: problem.message },
    seq: newest?.record.payload.seq ?? null,
    position: newest?.index ?? null,
  };
}

/** What others find when they look for this device. */
async function ownAddresses({ resolver, self }: MessengerDeps, signal: AbortSignal): Promise<readonly string[]> {
  const shown = await settled(() => resolver.inspect(self.username, signal));
  return shown.trouble === null ? (shown.value.addresses.get(self.device) ?? []) : [];
}

type Settled<T> = { readonly trouble: null; readonly value: T } | { readonly trouble: Trouble };

async function settled<T>(ask: () => Promise<T>): Promise<Settled<T>> {
  try {
    return { trouble: null, value: await ask() };
  } catch (error) {
    if (!isChatError(error)) throw error;
    return { trouble: { code: error.code, message: error.message } };
  }
}
