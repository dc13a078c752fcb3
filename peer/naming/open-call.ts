import { ChatError } from "../../shared/errors.ts";
import { errorOf } from "./answer.ts";
import type { Audience } from "./audience.ts";
import type { Clock } from "./clock.ts";
import type { Answer, Call, HttpClient, Request } from "./http.ts";

export type OpenCall = {
  /** Asks without a token. */
  readonly call: Call;
  /** What a refused request stands for, once it has taught the server's time and URL where it could. */
  readonly refusalOf: (answer: Answer) => ChatError;
};

export function createOpenCall(parts: { http: HttpClient; clock: Clock; audience: Audience }): OpenCall {
  const { http, clock, audience } = parts;

  function refusalOf(answer: Answer): ChatError {
    const error = errorOf(answer);
    const { serverTime, expectedAudience } = error.details ?? {};
    if (typeof serverTime === "number") clock.adopt(serverTime);
    if (error.reason !== "aud" || typeof expectedAudience !== "string") return error;
    if (audience.adopt(expectedAudience) || expectedAudience === audience.current) return error;
    return new ChatError(
      "SERVER_MISMATCH",
      `this profile belongs to ${audience.current}, the server is ${expectedAudience}`,
      { details: { expectedAudience }, cause: error },
    );
  }

  return {
    refusalOf,
    async call(request, signal) {
      const answer = await http.send(request, signal);
      if (isExpected(request, answer)) return answer;
      throw refusalOf(answer);
    },
  };
}

function isExpected({ headers }: Request, { status }: Answer): boolean {
  return (status >= 200 && status < 300) || (status === 304 && headers?.["if-none-match"] !== undefined);
}
