import { loadSettings } from "../cli/config.ts";
import type { Programs } from "../cli/context.ts";
import type { ReachContext } from "../cli/reach-profile.ts";
import type { PlaceOptions } from "./options.ts";

export type SdkDependencies = ReachContext["dependencies"] & {
  loadPrograms(): Promise<Pick<Programs, "openMessenger">>;
};

/** What finds a profile as the commands do: by configuration files, environment and these options, which win. */
export function contextOf(
  options: PlaceOptions & { readonly passphraseFile?: string },
  dependencies: ReachContext["dependencies"],
  signal: AbortSignal,
): ReachContext {
  const { profile, home, passphraseFile } = options;
  const { env } = process;
  return {
    settings: loadSettings({ env, flags: { profile, home, "passphrase-file": passphraseFile } }),
    terminal: { env },
    dependencies,
    output: { note: () => undefined },
    interruption: { signal },
  };
}
