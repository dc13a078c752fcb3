import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadSettings } from "../../../peer/cli/config.ts";
import { expectError } from "../../support/expect-error.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

/** A home directory with a place for each of the three files. */
function machine() {
  const home = temporaryDirectory();
  const systemFile = join(home, "etc.json");
  const named = join(home, "named.json");
  const userFile = join(home, ".config", "p2pchat", "config.json");
  mkdirSync(join(home, ".config", "p2pchat"), { recursive: true });
  const write = (path: string, value: unknown) => writeFileSync(path, JSON.stringify(value));
  const load = (env: Record<string, string> = {}, flags: Record<string, string | boolean> = {}) =>
    loadSettings({ env: { HOME: home, ...env }, flags, systemFile });
  return { home, systemFile, named, userFile, write, load };
}

test("without any of it the defaults stand", () => {
  const { home, load } = machine();
  expect(load()).toEqual({
    home: join(home, ".local/share/p2pchat"),
    profile: "default",
    allowHttp: false,
    lan: false,
    upnp: false,
  });
});

test("each layer gives way to the next: system, named file, user's file, environment, flags", () => {
  const { systemFile, named, userFile, write, load } = machine();
  const env = { P2PCHAT_CONFIG: named };
  write(systemFile, { server: "https://system" });
  expect(load().server).toBe("https://system");
  write(named, { server: "https://named" });
  expect(load(env).server).toBe("https://named");
  write(userFile, { server: "https://user" });
  expect(load(env).server).toBe("https://user");
  expect(load({ ...env, P2PCHAT_SERVER: "https://env" }).server).toBe("https://env");
  expect(load({ ...env, P2PCHAT_SERVER: "https://env" }, { server: "https://flag" }).server).toBe("https://flag");
});

test("layers are merged member by member", () => {
  const { systemFile, userFile, write, load } = machine();
  write(systemFile, { server: "https://system", allowHttp: true });
  write(userFile, { profile: "work" });
  expect(load()).toMatchObject({ server: "https://system", allowHttp: true, profile: "work" });
});

test("the XDG directories are followed, and relative or empty ones ignored", () => {
  const { home, load } = machine();
  expect(load({ XDG_DATA_HOME: "/data" }).home).toBe("/data/p2pchat");
  expect(load({ XDG_DATA_HOME: "data" }).home).toBe(join(home, ".local/share/p2pchat"));
  expect(load({ XDG_DATA_HOME: "" }).home).toBe(join(home, ".local/share/p2pchat"));
});

test("an empty variable is as good as none", () => {
  expect(machine().load({ P2PCHAT_PROFILE: "", P2PCHAT_CONFIG: "" }).profile).toBe("default");
});

test("paths in a file are relative to it", () => {
  const { home, named, write, load } = machine();
  write(named, { caFile: "ca.pem" });
  expect(load({ P2PCHAT_CONFIG: named }).caFile).toBe(join(home, "ca.pem"));
});

test("--no-allow-local wins over a file, and excludes --allow-local", async () => {
  const { systemFile, write, load } = machine();
  write(systemFile, { allowLocal: true });
  expect(load({}, { "no-allow-local": true }).allowLocal).toBe(false);
  await expectError(() => load({}, { "allow-local": true, "no-allow-local": true }), "USAGE");
});

describe("the passphrase", () => {
  test("comes from the last layer that says where it is, be it a file or a command", () => {
    const { systemFile, write, load } = machine();
    write(systemFile, { passphraseCommand: "pass chat" });
    const settings = load({ P2PCHAT_PASSPHRASE_FILE: "/run/secret" });
    expect(settings.passphraseFile).toBe("/run/secret");
    expect(settings.passphraseCommand).toBeUndefined();
  });

  test("has one source in each layer", async () => {
    const { systemFile, write, load } = machine();
    await expectError(() => load({}, { "passphrase-file": "a", "passphrase-command": "b" }), "USAGE");
    write(systemFile, { passphraseFile: "a", passphraseCommand: "b" });
    await expectError(load, "CONFIG_INVALID");
  });

  test("is refused in the environment, and not repeated", async () => {
    const { message } = await expectError(() => machine().load({ P2PCHAT_PASSPHRASE: "hunter2" }), "CONFIG_INVALID");
    expect(message).toContain("P2PCHAT_PASSPHRASE_FILE");
    expect(message).not.toContain("hunter2");
  });
});

describe("a file that is wrong", () => {
  test.each([
    ["an unknown member", '{"servr":"https://x"}', "servr"],
    ["a member of another type", '{"allowHttp":"yes"}', "allowHttp"],
    ["a text that is empty", '{"server":""}', "server"],
    ["a passphrase", '{"passphrase":"hunter2"}', "passphrase"],
    ["a member given twice", '{"server":"a","server":"b"}', "duplicate"],
    ["an array", "[]", "object"],
    ["something that is not JSON", "server=x", "JSON"],
    ["__proto__", '{"__proto__":{"server":"x"}}', "forbidden"],
  ])("with %s is refused, naming the file", async (_what, content, named) => {
    const { userFile, load } = machine();
    writeFileSync(userFile, content);
    const { message } = await expectError(load, "CONFIG_INVALID");
    expect(message).toContain(userFile);
    expect(message).toContain(named);
    expect(message).not.toContain("hunter2");
  });

  test("that was named but is not there is refused, unlike the others", async () => {
    const { named, load } = machine();
    const { message } = await expectError(() => load({ P2PCHAT_CONFIG: named }), "CONFIG_INVALID");
    expect(message).toContain(named);
  });

  test("that cannot be read is refused", async () => {
    const { userFile, load } = machine();
    mkdirSync(userFile);
    await expectError(load, "CONFIG_INVALID");
  });
});

test("a flag in the environment is 1, 0, true or false", async () => {
  const { load } = machine();
  expect(load({ P2PCHAT_ALLOW_HTTP: "1" }).allowHttp).toBe(true);
  expect(load({ P2PCHAT_ALLOW_HTTP: "false" }).allowHttp).toBe(false);
  const { message } = await expectError(() => load({ P2PCHAT_ALLOW_HTTP: "maybe" }), "CONFIG_INVALID");
  expect(message).toContain("P2PCHAT_ALLOW_HTTP");
});
