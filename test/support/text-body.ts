import { encodeContent } from "../../shared/content.ts";

/** The body of a plain text. */
export function textBody(text: string): Uint8Array {
  return encodeContent({ kind: "text", text });
}
