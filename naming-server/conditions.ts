/*
 * Conditional requests (RFC 9110 13). A name's ETag is `"<record hash>"`, or `"<record hash>.<hash of the live records>"`:
 * the whole decides whether a reader has this answer already, the first part whether a writer saw this record, since
 * addresses and mailboxes come and go.
 */

/** `If-None-Match` compares weakly. */
export function isNotModified(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header === etag || header === "*" || tags(header).some((tag) => tag.replace(/^W\//, "") === etag);
}

/** `If-Match` against the record that is there, if any; no header, no condition. */
export function isMatch(header: string | undefined, recordHash: string | undefined): boolean {
  if (header === undefined) return true;
  if (recordHash === undefined) return false;
  return header === "*" || tags(header).some((tag) => /^"([\w-]+)(?:\.[\w-]+)?"$/.exec(tag)?.[1] === recordHash);
}

function tags(header: string): string[] {
  return header.split(",").map((tag) => tag.trim());
}
