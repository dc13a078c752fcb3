import { connect } from "node:net";
import fc from "fast-check";
import { INVITE_HEADER, JOSE_MEDIA_TYPE } from "../../shared/protocol.ts";

/* Requests as nobody sends them, over bare TCP: some well formed with nonsense in them, some not even that. */

/** Whose token it is, so that nonsense gets past the door. */
export type Insider = { readonly token: string; readonly name: string; readonly device: string };

const method = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom("GET", "PUT", "POST", "DELETE") },
  { weight: 2, arbitrary: fc.constantFrom("PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "QUERY", "get") },
  { weight: 1, arbitrary: fc.string({ maxLength: 12 }) },
);

const piece = fc.oneof(
  fc.string({ maxLength: 40 }).map(encodeURIComponent),
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.constantFrom("..", "%2e%2e", "%00", "%ff", "%", "__proto__", "bob", "a".repeat(300), "xn--bb", "'--", "%0d%0a"),
);

const number = fc.oneof(
  fc.integer().map(String),
  fc.constantFrom("1e9", "-0", "9".repeat(30), "NaN", "", "0x10", "1&from=2"),
);

function pathFor({ name, device }: Insider): fc.Arbitrary<string> {
  const known = fc.constantFrom(
    `/v1/names/${name}`,
    `/v1/names/${name}/history`,
    `/v1/names/${name}/key-packages/claim`,
    `/v1/devices/${device}/addresses`,
    `/v1/devices/${device}/mailbox`,
    `/v1/devices/${device}/key-packages`,
    "/v1/relays",
    `/v1/relays/${device}`,
    "/v1/token",
    "/v1/presence",
    "/v1/log/checkpoint",
    "/v1/openapi.json",
    "/.well-known/jwks.json",
    "/healthz",
    "/readyz",
    "/metrics",
  );
  const query = fc.oneof(
    fc
      .tuple(fc.constantFrom("after", "start", "index", "size", "from", "to"), number)
      .map(([key, value]) => `${key}=${value}`),
    fc.webQueryParameters(),
    piece,
  );
  return fc.oneof(
    { weight: 4, arbitrary: known },
    { weight: 2, arbitrary: fc.tuple(known, query).map(([path, text]) => `${path}?${text}`) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom("entries", "inclusion", "consistency"), number, number)
        .map(([what, one, two]) => `/v1/log/${what}?start=${one}&index=${one}&size=${two}&from=${one}&to=${two}`),
    },
    { weight: 2, arbitrary: piece.map((text) => `/v1/names/${text}`) },
    { weight: 1, arbitrary: piece.map((text) => `/v1/devices/${text}/addresses`) },
    { weight: 1, arbitrary: piece.map((text) => `/v1/relays/${text}`) },
    { weight: 1, arbitrary: fc.oneof(piece, fc.constantFrom("*", "http://x/healthz", "//healthz", "")) },
  );
}

const value = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom(
    "*",
    '"x"',
    'W/"x"',
    "a".repeat(2000),
    "chunked",
    "gzip",
    "-1",
    "0",
    "99999999999999999999",
    "keep-alive",
    "100-continue",
  ),
);

const headerName = fc.constantFrom(
  "if-none-match",
  "if-match",
  "x-forwarded-for",
  "last-event-id",
  "content-length",
  "transfer-encoding",
  "content-encoding",
  "expect",
  "upgrade",
  "connection",
  "host",
  "range",
  "authorization",
  INVITE_HEADER,
);

const mediaType = fc.constantFrom(
  "application/json",
  JOSE_MEDIA_TYPE,
  "application/x-www-form-urlencoded",
  "application/json; charset=utf-16",
  "text/plain",
  "",
);

const body = fc.oneof(
  fc.json().map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
  fc
    .record({ keyPackages: fc.array(fc.oneof(fc.base64String(), fc.anything())), lastResort: fc.anything() })
    .map((parts) => Buffer.from(fc.stringify(parts))),
  fc.array(fc.base64String(), { minLength: 1, maxLength: 4 }).map((parts) => Buffer.from(parts.join("."))),
  fc.webQueryParameters().map((text) => Buffer.from(text)),
  fc.integer({ min: 0, max: 20_000 }).map((depth) => Buffer.from("[".repeat(depth))),
);

/** One connection's worth of bytes. */
export function hostileBytes(insider: Insider): fc.Arbitrary<Buffer> {
  const headers = fc.array(fc.tuple(headerName, value), { maxLength: 3 });
  const isInside = fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) });
  const request = fc
    .tuple(method, pathFor(insider), headers, mediaType, body, isInside, fc.boolean())
    .map(([verb, path, extra, type, content, inside, chunked]) => {
      const lines = [
        `${verb} ${path} HTTP/1.1`,
        "host: x",
        ...(inside ? [`authorization: Bearer ${insider.token}`] : []),
        ...(type === "" ? [] : [`content-type: ${type}`]),
        ...extra.map(([name, text]) => `${name}: ${text}`),
        chunked ? "transfer-encoding: chunked" : `content-length: ${content.length}`,
      ];
      const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
      const framed = chunked
        ? [Buffer.from(`${content.length.toString(16)}\r\n`), content, Buffer.from("\r\n0\r\n\r\n")]
        : [content];
      return Buffer.concat([head, ...framed]);
    });
  const garbage = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  const several = fc.array(request, { minLength: 1, maxLength: 3 }).map((all) => Buffer.concat(all));
  const cut = fc
    .tuple(request, fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([whole, at]) => whole.subarray(0, at * whole.length));
  return fc.oneof({ weight: 5, arbitrary: several }, { weight: 1, arbitrary: cut }, { weight: 1, arbitrary: garbage });
}

/** All status codes that the server answers those bytes with before either side ends the connection. */
export async function statusesOf(url: string, bytes: Buffer): Promise<number[]> {
  const { hostname, port } = new URL(url);
  const answer = await new Promise<string>((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => socket.end(bytes));
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", () => undefined);
    socket.once("close", () => resolve(Buffer.concat(chunks).toString("latin1")));
  });
  return [...answer.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status));
}

type Fuzz = { readonly url: string; readonly insider: Insider; readonly seed: number };

/** Sends what it makes up until something is answered as a fault of the server, for so many runs or so long. */
export async function fuzzServer({ url, insider, seed }: Fuzz, limits: { runs: number; ms: number }): Promise<void> {
  const property = fc.asyncProperty(hostileBytes(insider), async (bytes) => {
    const faults = (await statusesOf(url, bytes)).filter((status) => status >= 500);
    if (faults.length > 0) throw new Error(`answered ${faults}: ${JSON.stringify(bytes.toString("latin1"))}`);
  });
  const { runs: numRuns, ms: interruptAfterTimeLimit } = limits;
  await fc.assert(property, { seed, numRuns, interruptAfterTimeLimit, markInterruptAsFailure: false });
}
