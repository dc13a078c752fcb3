import { isAbsolute, join } from "node:path";

type Surroundings = Readonly<Record<string, string | undefined>>;

export type Household = {
  /** Of the sandbox. */
  readonly directory: string;
  /** For what is temporary. */
  readonly temporary: string;
  /** Whose process it is. */
  readonly name: string;
  readonly hasRelays: boolean;
};

/** Nothing of the user's own configuration, but the code that Node has compiled already. */
export function environmentOf({ directory, temporary, name, hasRelays }: Household, own: Surroundings) {
  const { PATH = "", HOME = "", XDG_CACHE_HOME = join(HOME, ".cache"), NODE_COMPILE_CACHE } = own;
  const environment: Record<string, string> = {
    ...{ PATH, HOME: directory, TMPDIR: temporary },
    ...(isAbsolute(XDG_CACHE_HOME) && { XDG_CACHE_HOME }),
    ...(NODE_COMPILE_CACHE !== undefined && { NODE_COMPILE_CACHE }),
    ...{ P2PCHAT_HOME: directory, P2PCHAT_PROFILE: name, P2PCHAT_RELAYS: hasRelays ? "auto" : "none" },
  };
  return environment;
}
