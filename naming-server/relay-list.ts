import { encodeBase64url } from "../shared/base64url.ts";
import { utf8 } from "../shared/bytes.ts";
import { type DeviceId, parseDeviceId } from "../shared/device-id.ts";
import { sha256 } from "../shared/hash.ts";
import { LIMITS } from "../shared/protocol.ts";
import { SERVER_LIMITS } from "./limits.ts";
import type { Store } from "./storage/store.ts";

/** Who is listed as a relay: whoever asks, nobody, or these. */
export type RelayAdmission = "open" | "closed" | ReadonlySet<DeviceId>;

/** @throws ChatError KEY_INVALID for what is neither `open`, `closed` nor peer ids with commas between them */
export function parseRelayAdmission(text: string): RelayAdmission {
  if (text === "open" || text === "closed") return text;
  return new Set(text.split(",").map((id) => parseDeviceId(id.trim())));
}

export function isAdmitted(admission: RelayAdmission, relay: DeviceId): boolean {
  return typeof admission === "string" ? admission === "open" : admission.has(relay);
}

/** The list as it is answered, the same for everybody. */
export type RelayAnswer = { readonly body: string; readonly etag: string; readonly count: number };

type Deps = {
  readonly store: Pick<Store, "listRelays">;
  readonly admission: RelayAdmission;
  readonly now: () => number;
};

/** The relays that live, read from the store no more than once in a while, whoever wrote them. */
export class RelayList {
  readonly #deps: Deps;
  #answer: Promise<RelayAnswer> | undefined;
  #readAtMs = 0;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  read(): Promise<RelayAnswer> {
    const nowMs = this.#deps.now();
    const isFresh = nowMs >= this.#readAtMs && nowMs < this.#readAtMs + SERVER_LIMITS.cacheMaxAgeMs;
    if (this.#answer !== undefined && isFresh) return this.#answer;
    const answer = this.#make(nowMs);
    this.#answer = answer;
    this.#readAtMs = nowMs;
    answer.catch(() => {
      if (this.#answer === answer) this.#answer = undefined;
    });
    return answer;
  }

  /** Another list than the last may have to be answered. */
  forget(): void {
    this.#answer = undefined;
  }

  async #make(nowMs: number): Promise<RelayAnswer> {
    const { store, admission } = this.#deps;
    const rows = await store.listRelays(Math.floor(nowMs / 1000), LIMITS.relaysMax);
    const relays = rows.filter(({ relay }) => isAdmitted(admission, relay)).map(({ record }) => record);
    const body = JSON.stringify({ relays });
    return { body, etag: `"${encodeBase64url(sha256(utf8(body)).subarray(0, 16))}"`, count: relays.length };
  }
}
