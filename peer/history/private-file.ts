import { closeSync, fchmodSync, openSync } from "node:fs";

/**
 * Makes an empty file of mode 0600 whatever the umask; false where something is there already. That is not opened:
 * closing any descriptor of a database would drop the locks SQLite holds on it.
 */
export function createPrivateFile(path: string): boolean {
  try {
    const descriptor = openSync(path, "wx", 0o600);
    fchmodSync(descriptor, 0o600);
    closeSync(descriptor);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}
