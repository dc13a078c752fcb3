import type { IncomingMessage } from "node:http";
import { ChatError } from "../shared/errors.ts";
import { SERVER_LIMITS } from "./limits.ts";

export type BodyRules = { readonly mediaType: string; readonly maxBytes?: number };

/**
 * Reads a body of one media type. Compressed bodies are refused, so what arrives is what is counted. The rest of a body
 * that is too long is discarded by Node as it arrives, until the request's deadline.
 *
 * @throws ChatError MEDIA_TYPE, BODY_TOO_LARGE, REQUEST_INVALID
 */
export async function readBody(req: IncomingMessage, { mediaType, maxBytes }: BodyRules): Promise<Buffer> {
  const limit = maxBytes ?? SERVER_LIMITS.bodyMaxBytes;
  assertMediaType(req, mediaType);
  if (Number(req.headers["content-length"] ?? 0) > limit) throw tooLarge(limit);
  return collect(req, limit);
}

function assertMediaType({ headers }: IncomingMessage, mediaType: string): void {
  const [essence = ""] = (headers["content-type"] ?? "").split(";");
  if (essence.trim().toLowerCase() !== mediaType) throw new ChatError("MEDIA_TYPE", `the body must be ${mediaType}`);
  if ((headers["content-encoding"] ?? "identity").toLowerCase() !== "identity") {
    throw new ChatError("MEDIA_TYPE", "compressed bodies are not taken");
  }
}

/** By events: leaving a `for await` early would destroy the socket before the answer. */
function collect(req: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length <= limit) chunks.push(chunk);
      else {
        req.off("data", onData);
        reject(tooLarge(limit));
      }
    };
    const onEarlyEnd = () => reject(new ChatError("REQUEST_INVALID", "the body ended early"));
    req.on("data", onData);
    req.once("close", onEarlyEnd);
    req.once("error", onEarlyEnd);
    req.once("end", () => {
      // What is refused only after the answer costs the trace of a fault that is none.
      req.off("close", onEarlyEnd);
      resolve(Buffer.concat(chunks));
    });
  });
}

function tooLarge(limit: number): ChatError {
  return new ChatError("BODY_TOO_LARGE", `the body is longer than ${limit} bytes`);
}
