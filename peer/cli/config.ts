import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { ChatError } from "../../shared/errors.ts";
import { parseStrictJson } from "../../shared/strict-json.ts";

/** What the configuration files, the environment and the flags come to. Paths are absolute. */
export type Settings = {
  readonly home: string;
  readonly profile: string;
  readonly server?: string;
  readonly allowHttp: boolean;
  readonly caFile?: string;
  /** Unset: it depends on where the naming server is. */
  readonly allowLocal?: boolean;
  /** At most one of these two is set. */
  readonly passphraseFile?: string;
  readonly passphraseCommand?: string;
  /** `parseRelayPolicy`. */
  readonly relays?: string;
  /** Look for contacts on the local network, and be seen there. */
  readonly lan: boolean;
  /** `readShown`. */
  readonly notify?: string;
  /** Have the local network's router open the port. */
  readonly upnp: boolean;
};

type Environment = Readonly<Record<string, string | undefined>>;
type Kind = "text" | "path" | "flag";
type Member = { readonly kind: Kind; readonly variable: string; readonly flag: string };

/** Each setting in its three spellings. */
const MEMBERS = {
  home: { kind: "path", variable: "P2PCHAT_HOME", flag: "home" },
  profile: { kind: "text", variable: "P2PCHAT_PROFILE", flag: "profile" },
  server: { kind: "text", variable: "P2PCHAT_SERVER", flag: "server" },
  allowHttp: { kind: "flag", variable: "P2PCHAT_ALLOW_HTTP", flag: "allow-http" },
  caFile: { kind: "path", variable: "P2PCHAT_CA_FILE", flag: "ca-file" },
  allowLocal: { kind: "flag", variable: "P2PCHAT_ALLOW_LOCAL", flag: "allow-local" },
  passphraseFile: { kind: "path", variable: "P2PCHAT_PASSPHRASE_FILE", flag: "passphrase-file" },
  passphraseCommand: { kind: "text", variable: "P2PCHAT_PASSPHRASE_COMMAND", flag: "passphrase-command" },
  relays: { kind: "text", variable: "P2PCHAT_RELAYS", flag: "relays" },
  lan: { kind: "flag", variable: "P2PCHAT_LAN", flag: "lan" },
  notify: { kind: "text", variable: "P2PCHAT_NOTIFY", flag: "notify" },
  upnp: { kind: "flag", variable: "P2PCHAT_UPNP", flag: "upnp" },
} as const satisfies Record<keyof Settings, Member>;

type Layer = Partial<Record<keyof Settings, string | boolean>>;

const SYSTEM_FILE = "/etc/p2pchat/config.json";
const ABSENT = new Set(["ENOENT", "ENOTDIR"]);

export type ConfigSources = {
  readonly env: Environment;
  /** Flags as typed: text, or true. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  readonly systemFile?: string;
};

/**
 * Later layers win, member by member: the system's file, `$P2PCHAT_CONFIG`, the user's file, the environment, flags.
 *
 * @throws ChatError CONFIG_INVALID (names the file or variable, and the member), USAGE
 */
export function loadSettings({ env, flags, systemFile = SYSTEM_FILE }: ConfigSources): Settings {
  const user = env["HOME"] || homedir();
  const named = env["P2PCHAT_CONFIG"];
  const merged: Layer = {};
  apply(merged, readLayer(systemFile));
  if (named) apply(merged, readLayer(resolve(named), { mustExist: true }));
  apply(merged, readLayer(join(xdgDirectory(env, "XDG_CONFIG_HOME", join(user, ".config")), "p2pchat", "config.json")));
  apply(merged, environmentLayer(env));
  apply(merged, flagLayer(flags));
  const home = join(xdgDataHome(env), "p2pchat");
  // Each layer has been checked member by member against the kinds above.
  return { home, profile: "default", allowHttp: false, lan: false, upnp: false, ...merged } as Settings;
}

export function xdgDataHome(env: Environment): string {
  return xdgDirectory(env, "XDG_DATA_HOME", join(env["HOME"] || homedir(), ".local", "share"));
}

/** The XDG rules: unset, empty and relative all mean the default. */
function xdgDirectory(env: Environment, variable: string, otherwise: string): string {
  const path = env[variable];
  return path && isAbsolute(path) ? path : otherwise;
}

/** A layer that says where the passphrase is replaces what an earlier one said, file or command. */
function apply(merged: Layer, layer: Layer): void {
  if (layer.passphraseFile !== undefined || layer.passphraseCommand !== undefined) {
    delete merged.passphraseFile;
    delete merged.passphraseCommand;
  }
  Object.assign(merged, layer);
}

function assertOnePassphrase(layer: Layer, where: string): void {
  if (layer.passphraseFile !== undefined && layer.passphraseCommand !== undefined) {
    throw invalid(where, "passphraseFile and passphraseCommand exclude each other");
  }
}

function readLayer(path: string, { mustExist = false } = {}): Layer {
  const bytes = readIfThere(path, mustExist);
  if (bytes === undefined) return {};
  const layer: Layer = {};
  for (const [name, value] of Object.entries(parseObject(bytes, path))) {
    if (!isMember(name)) throw invalid(path, `unknown member "${name}"`);
    layer[name] = readMember(name, value, path);
  }
  assertOnePassphrase(layer, path);
  return layer;
}

function readIfThere(path: string, mustExist: boolean): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable";
    if (ABSENT.has(code) && !mustExist) return undefined;
    throw invalid(path, `cannot be read (${code})`, cause);
  }
}

function parseObject(bytes: Uint8Array, path: string): object {
  let value: unknown;
  try {
    value = parseStrictJson(bytes, "CONFIG_INVALID");
  } catch (cause) {
    throw invalid(path, cause instanceof Error ? cause.message : "not JSON", cause);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(path, "not an object");
  return value;
}

function readMember(name: keyof Settings, value: unknown, path: string): string | boolean {
  if (MEMBERS[name].kind === "flag") {
    if (typeof value !== "boolean") throw invalid(path, `"${name}" must be true or false`);
    return value;
  }
  if (typeof value !== "string" || value === "") throw invalid(path, `"${name}" must be a text that is not empty`);
  return MEMBERS[name].kind === "path" ? resolve(dirname(path), value) : value;
}

function environmentLayer(env: Environment): Layer {
  if (env["P2PCHAT_PASSPHRASE"] !== undefined) {
    throw invalid("P2PCHAT_PASSPHRASE", "a passphrase does not belong in the environment: use P2PCHAT_PASSPHRASE_FILE");
  }
  const layer: Layer = {};
  for (const name of Object.keys(MEMBERS).filter(isMember)) {
    const { kind, variable } = MEMBERS[name];
    const value = env[variable];
    if (value) layer[name] = kind === "flag" ? readFlag(value, variable) : kind === "path" ? resolve(value) : value;
  }
  assertOnePassphrase(layer, "the environment");
  return layer;
}

function readFlag(value: string, variable: string): boolean {
  if (value === "1" || value === "true") return true;
  if (value === "0" || value === "false") return false;
  throw invalid(variable, "must be 1 or 0");
}

function flagLayer(flags: ConfigSources["flags"]): Layer {
  const layer: Layer = {};
  for (const name of Object.keys(MEMBERS).filter(isMember)) {
    const { kind, flag } = MEMBERS[name];
    const value = flags[flag];
    if (value !== undefined) layer[name] = kind === "path" ? resolve(String(value)) : value;
  }
  if (flags["no-allow-local"]) {
    if (flags["allow-local"]) throw new ChatError("USAGE", "--allow-local and --no-allow-local exclude each other");
    layer.allowLocal = false;
  }
  if (flags["passphrase-file"] !== undefined && flags["passphrase-command"] !== undefined) {
    throw new ChatError("USAGE", "--passphrase-file and --passphrase-command exclude each other");
  }
  return layer;
}

function isMember(name: string): name is keyof Settings {
  return Object.hasOwn(MEMBERS, name);
}

function invalid(where: string, what: string, cause?: unknown): ChatError {
  return new ChatError("CONFIG_INVALID", `${where}: ${what}`, { cause, details: { where } });
}
