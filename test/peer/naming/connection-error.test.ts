import { describe, expect, test } from "vitest";
import { unreachable } from "../../../peer/naming/connection-error.ts";
import { ChatError } from "../../../shared/errors.ts";

const url = "https://names.example.org";
const failure = (code: string, message = "below") => Object.assign(new Error(message), { code });

describe("an exchange without an answer", () => {
  test.each([
    ["ECONNREFUSED", "refused", "nothing listens"],
    ["ENOTFOUND", "dns", "no such host"],
    ["EAI_AGAIN", "dns", "cannot be looked up"],
    ["ETIMEDOUT", "timeout", "does not answer"],
    ["EHOSTUNREACH", "connection", "EHOSTUNREACH"],
    ["CERT_HAS_EXPIRED", "tls", "expired"],
    ["CERT_NOT_YET_VALID", "tls", "clock is wrong"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "tls", "another host name"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "tls", "not trusted (below)"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "tls", "not trusted (below)"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "tls", "not trusted (below)"],
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "tls", "not trusted (below)"],
    ["CERT_REVOKED", "tls", "not trusted (below)"],
    ["INVALID_PURPOSE", "tls", "not trusted (below)"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "tls", "does not speak TLS"],
    ["EPROTO", "tls", "does not speak TLS"],
  ])("because of %s is a server that cannot be reached (%s)", (code, reason, text) => {
    const cause = failure(code);
    const error = unreachable(cause, { url, timedOut: false });
    expect(error).toMatchObject({ code: "SERVER_UNREACHABLE", reason, details: { url }, cause });
    expect(error.message).toContain(text);
    expect(error.message).toContain(url);
  });

  test("because time was up says so, whatever the connection says", () => {
    const error = unreachable(failure("ABORT_ERR"), { url, timedOut: true });
    expect(error).toMatchObject({ code: "SERVER_UNREACHABLE", reason: "timeout" });
  });

  test.each([
    ["HPE_INVALID_CONSTANT", "SERVER_ERROR", "http"],
    ["HPE_HEADER_OVERFLOW", "SERVER_ERROR", "http"],
  ])("because of %s is a server that makes no sense", (code, expected, reason) => {
    expect(unreachable(failure(code), { url, timedOut: false })).toMatchObject({ code: expected, reason });
  });

  test("because of an error of ours is that error", () => {
    const own = new ChatError("SERVER_ERROR", "too large", { reason: "size" });
    expect(unreachable(own, { url, timedOut: false })).toBe(own);
  });

  test("for no known reason is still one that cannot be reached", () => {
    expect(unreachable("odd", { url, timedOut: false })).toMatchObject({ reason: "connection", cause: "odd" });
  });
});
