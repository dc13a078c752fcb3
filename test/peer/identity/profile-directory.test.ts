import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openProfileDirectory } from "../../../peer/identity/profile-directory.ts";
import { isChatError } from "../../../shared/errors.ts";
import { isRoot } from "../../support/capabilities.ts";
import { runScript } from "../../support/child-process.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const modeOf = (path: string) => lstatSync(path).mode & 0o7777;

function refusal(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!isChatError(error)) throw error;
    return error.reason === undefined ? error.code : `${error.code} ${error.reason}`;
  }
}

describe("a profile's directory", () => {
  test.each(["000", "022", "077"])("is 0700 and its files 0600 under umask %s", async (umask) => {
    const home = join(temporaryDirectory(), "deep", "home");
    const script = new URL("./umask-script.ts", import.meta.url);
    expect(await runScript(script, [umask, home])).toEqual({
      ".": "700",
      "keystore.json": "600",
      lock: "600",
      "lock.pid": "600",
      "profile.json": "600",
    });
  });

  test("is narrowed, with the files in it, where it is ours and too wide", () => {
    const home = temporaryDirectory();
    const path = join(home, "default");
    mkdirSync(join(path, "inner"), { recursive: true });
    writeFileSync(join(path, "keystore.json"), "{}");
    chmodSync(path, 0o755);
    chmodSync(join(path, "inner"), 0o777);
    chmodSync(join(path, "keystore.json"), 0o644);
    const directory = openProfileDirectory({ home, profile: "default", create: false });
    expect(directory.path).toBe(path);
    expect([modeOf(path), modeOf(join(path, "inner")), modeOf(directory.file("keystore.json"))]).toEqual([
      0o700, 0o700, 0o600,
    ]);
  });

  test("is missing until it is created, and looking makes nothing", () => {
    const home = join(temporaryDirectory(), "home");
    expect(refusal(() => openProfileDirectory({ home, profile: "default", create: false }))).toBe("PROFILE_MISSING");
    expect(existsSync(home)).toBe(false);
    openProfileDirectory({ home, profile: "default", create: true });
    expect(refusal(() => openProfileDirectory({ home, profile: "other", create: false }))).toBe("PROFILE_MISSING");
    expect(readdirSync(home)).toEqual(["default"]);
  });

  test.each(["", ".", "..", "a/b", "../evil", "A", "a_b", "a\0", "ä", "a".repeat(33), "a\n"])(
    "cannot have the name %j",
    (profile) => {
      const home = temporaryDirectory();
      expect(refusal(() => openProfileDirectory({ home, profile, create: true }))).toBe("USAGE");
      expect(readdirSync(home)).toEqual([]);
    },
  );

  test("is refused with a pipe in it, which would be waited for without an end", () => {
    const home = temporaryDirectory();
    const { path } = openProfileDirectory({ home, profile: "default", create: true });
    execFileSync("mkfifo", [join(path, "keystore.json")]);
    expect(refusal(() => openProfileDirectory({ home, profile: "default", create: false }))).toBe(
      "PROFILE_UNSAFE kind",
    );
    expect(lstatSync(join(path, "keystore.json")).isFIFO()).toBe(true);
  });

  test("is refused as a symbolic link, and what it points to stays as it was", () => {
    const home = temporaryDirectory();
    const target = temporaryDirectory();
    chmodSync(target, 0o755);
    symlinkSync(target, join(home, "default"));
    expect(refusal(() => openProfileDirectory({ home, profile: "default", create: true }))).toBe(
      "PROFILE_UNSAFE symlink",
    );
    expect(modeOf(target)).toBe(0o755);
  });

  test("is refused as a file", () => {
    const home = temporaryDirectory();
    writeFileSync(join(home, "default"), "");
    expect(refusal(() => openProfileDirectory({ home, profile: "default", create: true }))).toBe("PROFILE_UNSAFE kind");
  });

  test("is refused below a directory where everybody may swap it", () => {
    const home = join(temporaryDirectory(), "shared");
    mkdirSync(home);
    chmodSync(home, 0o777);
    const open = (at: string) => refusal(() => openProfileDirectory({ home: at, profile: "default", create: true }));
    expect(open(home)).toBe("PROFILE_UNSAFE parent");
    expect(open(join(home, "below"))).toBe("PROFILE_UNSAFE parent");
    expect(existsSync(join(home, "default"))).toBe(false);
    chmodSync(home, 0o1777);
    expect(open(home)).toBeUndefined();
  });

  test("may lie below the temporary folder", () => {
    expect(temporaryDirectory().startsWith(tmpdir())).toBe(true);
    const home = temporaryDirectory();
    expect(refusal(() => openProfileDirectory({ home, profile: "default", create: true }))).toBeUndefined();
  });

  test("is resolved once, so that a home behind a symbolic link cannot be turned elsewhere later", () => {
    const real = temporaryDirectory();
    const home = join(temporaryDirectory(), "link");
    symlinkSync(real, home);
    const directory = openProfileDirectory({ home, profile: "default", create: true });
    expect(directory.file("chat.db")).toBe(join(real, "default", "chat.db"));
  });

  test("is refused with a symbolic link or a hard link inside", () => {
    const home = temporaryDirectory();
    const { path } = openProfileDirectory({ home, profile: "default", create: true });
    const outside = join(home, "outside");
    writeFileSync(outside, "");
    chmodSync(outside, 0o644);
    symlinkSync(outside, join(path, "keystore.json"));
    const open = () => refusal(() => openProfileDirectory({ home, profile: "default", create: false }));
    expect(open()).toBe("PROFILE_UNSAFE symlink");
    const other = openProfileDirectory({ home, profile: "other", create: true });
    linkSync(outside, other.file("keystore.json"));
    expect(refusal(() => openProfileDirectory({ home, profile: "other", create: false }))).toBe(
      "PROFILE_UNSAFE hard-link",
    );
    expect(modeOf(outside)).toBe(0o644);
  });

  test.skipIf(!isRoot())("is refused where it, or a file in it, belongs to another user", () => {
    const home = temporaryDirectory();
    const directory = openProfileDirectory({ home, profile: "default", create: true });
    const open = () => refusal(() => openProfileDirectory({ home, profile: "default", create: false }));
    writeFileSync(directory.file("keystore.json"), "");
    chownSync(directory.file("keystore.json"), 65_534, 65_534);
    expect(open()).toBe("PROFILE_UNSAFE owner");
    chownSync(directory.file("keystore.json"), 0, 0);
    expect(open()).toBeUndefined();
    chownSync(directory.path, 65_534, 65_534);
    expect(open()).toBe("PROFILE_UNSAFE owner");
  });

  // In a process of its own: whoever tries for ever there would do so here.
  test.each(["/proc/x", "/proc/x/deeper", "/sys/x", "/dev/null/x"])("is refused at once at %s", async (home) => {
    const script = new URL("./open-directory-script.ts", import.meta.url);
    const about = home === "/dev/null/x" ? "/dev/null" : home.slice(0, home.indexOf("x") + 1);
    expect(await runScript(script, [home])).toEqual({
      code: "STORAGE",
      reason: "io",
      message: expect.stringMatching(`^the directory ${about} cannot be made \\(E[A-Z]+\\)$`),
    });
  });

  test("is made below a home that is a symbolic link, and not below one that leads nowhere", () => {
    const [real, home] = [temporaryDirectory(), join(temporaryDirectory(), "link")];
    symlinkSync(join(real, "later"), home);
    const open = () => openProfileDirectory({ home, profile: "default", create: true });
    expect(refusal(open)).toBe("STORAGE io");
    mkdirSync(join(real, "later"));
    expect(open().path).toBe(join(real, "later", "default"));
  });

  test("gives paths of files directly inside only", () => {
    const directory = openProfileDirectory({ home: temporaryDirectory(), profile: "default", create: true });
    for (const name of ["../x", "a/b", "", ".", ".."]) expect(refusal(() => directory.file(name))).toBe("INTERNAL");
  });
});
