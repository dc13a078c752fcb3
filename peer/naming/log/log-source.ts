import { logEntriesSchema } from "../../../shared/api.ts";
import { utf8Text } from "../../../shared/bytes.ts";
import { ChatError } from "../../../shared/errors.ts";
import { LOG_LEAF_BYTES } from "../../../shared/log-leaf.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { readAnswer } from "../answer.ts";
import type { Answer, Call } from "../http.ts";

/**
 * The log as the server shows it; nothing of this is verified. Every call throws ChatError SERVER_UNREACHABLE,
 * SERVER_ERROR, SERVER_BUSY or RATE_LIMITED where the server cannot be used.
 */
export interface LogSource {
  /** The newest checkpoint, a signed note. */
  checkpoint(signal?: AbortSignal): Promise<string>;
  /** The key that signs checkpoints, as text. */
  key(signal?: AbortSignal): Promise<string>;
  /** A page of leaves from that index on; empty at the end. */
  entries(start: number, signal?: AbortSignal): Promise<readonly Uint8Array[]>;
}

export function createLogSource(call: Call): LogSource {
  const get = (path: string, signal: AbortSignal | undefined) => call({ method: "GET", path }, signal);
  return {
    checkpoint: async (signal) => readText(await get("/v1/log/checkpoint", signal)),
    key: async (signal) => readText(await get("/v1/log/key", signal)).trimEnd(),
    async entries(start, signal) {
      const answer = readAnswer(await get(`/v1/log/entries?start=${start}`, signal), logEntriesSchema);
      const isWhole = answer.start === start && answer.entries.every(({ length }) => length === LOG_LEAF_BYTES);
      if (!isWhole) throw nonsense();
      return answer.entries;
    },
  };
}

function readText({ body }: Answer): string {
  if (body.length > LIMITS.noteMaxBytes) throw nonsense();
  try {
    return utf8Text(body);
  } catch (cause) {
    throw nonsense(cause);
  }
}

function nonsense(cause?: unknown): ChatError {
  return new ChatError("SERVER_ERROR", "the naming server's log makes no sense", { reason: "log", cause });
}
