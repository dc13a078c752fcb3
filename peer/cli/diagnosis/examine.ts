import packageJson from "../../../package.json" with { type: "json" };
import { type ChatError, isChatError } from "../../../shared/errors.ts";
import type { Diagnosis, Status } from "../../messaging/operations/status.ts";
import type { CliContext, Doctor, ProfileInsight } from "../context.ts";
import type { ExitCode } from "../exit-codes.ts";
import { table } from "../table.ts";
import { visibleReason } from "../visible-text.ts";
import { withOperations } from "../with-operations.ts";
import { type Check, exitCodeOf, verdictOf } from "./check.ts";
import { localChecks } from "./local-checks.ts";
import { reachChecks } from "./reach-checks.ts";
import { accountChecks, type Probed, serverChecks } from "./server-checks.ts";

/** Whoever else has the profile is waited for no longer. */
const PATIENCE_MS = 2000;

/** Looks at everything, and prints a line for each; what cannot be looked at is a line too. */
export async function printDiagnosis(context: CliContext): Promise<ExitCode> {
  const checks = await examine(context);
  const fields = { verdict: verdictOf(checks), checks };
  await context.output.print({ type: "doctor", fields, text: describe(checks) });
  return exitCodeOf(checks);
}

async function examine(context: CliContext): Promise<readonly Check[]> {
  const { settings, dependencies } = context;
  const { doctor: tools } = await dependencies.loadDoctor();
  // Before anything puts right what is wrong with it.
  const insight = await tools.inspectProfile(settings);
  const expected = registeredAt(insight);
  const probed = await probe(settings.server ?? expected, tools, context);
  const found = await ask(context);
  const versions = { p2pchat: packageJson.version, node: process.versions.node, sqlite: process.versions.sqlite ?? "" };
  const status = found instanceof Error ? found : found.status;
  const diagnosis = found instanceof Error ? undefined : found.diagnosis;
  return [
    ...localChecks(insight, versions),
    ...serverChecks(probed, expected),
    ...accountChecks(diagnosis, status instanceof Error ? undefined : status.log),
    ...reachChecks({ status, diagnosis, doctor: tools }),
  ];
}

function registeredAt({ profile }: ProfileInsight): string | undefined {
  return profile !== null && "server" in profile ? profile.server : undefined;
}

async function probe(url: string | undefined, tools: Doctor, { settings, interruption }: CliContext): Promise<Probed> {
  if (url === undefined) return undefined;
  return await tools.probeServer({ settings, url, signal: interruption.signal }).catch(asFinding);
}

type Asked = { readonly status: Status; readonly diagnosis: Diagnosis };

/** Through the daemon where one runs, else by opening the profile. */
async function ask(context: CliContext): Promise<Asked | ChatError> {
  const run: Parameters<typeof withOperations<Asked>>[1]["run"] = async (operations) => {
    const [status, diagnosis] = await Promise.all([operations.status(), operations.diagnose()]);
    return { status, diagnosis };
  };
  return await withOperations(context, { network: false, timeoutMs: PATIENCE_MS, run }).catch(asFinding);
}

function asFinding(error: unknown): ChatError {
  if (!isChatError(error) || error.code === "INTERRUPTED") throw error;
  return error;
}

function describe(checks: readonly Check[]): string {
  const rows = checks.map(({ name, verdict, message }) => [verdict, name.replaceAll("-", " "), visibleReason(message)]);
  const lines = table(rows).split("\n");
  return checks
    .flatMap(({ advice }, index) => [lines[index] ?? "", ...(advice === undefined ? [] : [`         ${advice}`])])
    .join("\n");
}
