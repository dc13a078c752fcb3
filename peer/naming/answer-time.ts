import type { Answer, HttpClient } from "./http.ts";

const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * The same connections, of whose answers it is told when they were made: the `Date` of RFC 9110 6.6.1, milliseconds since the
 * Unix epoch. An answer out of a cache does not count.
 */
export function tellingTime(http: HttpClient, onTime: (serverTimeMs: number) => void): HttpClient {
  function heard<T extends Pick<Answer, "headers">>(answer: T): T {
    const { date, age } = answer.headers;
    if (date !== undefined && age === undefined && HTTP_DATE.test(date)) {
      const timeMs = Date.parse(date);
      if (!Number.isNaN(timeMs)) onTime(timeMs);
    }
    return answer;
  }

  return {
    send: async (...asked) => heard(await http.send(...asked)),
    open: async (...asked) => heard(await http.open(...asked)),
    close: () => http.close(),
  };
}
