import { ChatError, isChatError } from "../../shared/errors.ts";

/** OpenSSL's verdicts on certificates (X509_V_ERR_*) and failed handshakes, as Node names them. */
const TLS = /CERT|UNABLE_TO_|HOSTNAME_MISMATCH|^INVALID_(?:CA|PURPOSE)$|^ERR_(?:TLS|SSL)_|^EPROTO$/;

const REASONS: Readonly<Record<string, readonly [reason: string, text: string]>> = {
  ECONNREFUSED: ["refused", "nothing listens there"],
  ENOTFOUND: ["dns", "there is no such host"],
  EAI_AGAIN: ["dns", "its host name cannot be looked up now"],
  ETIMEDOUT: ["timeout", "it does not answer"],
};

/** What an exchange that gave no answer means to the person who waits for it. */
export function unreachable(error: unknown, { url, timedOut }: { url: string; timedOut: boolean }): ChatError {
  if (isChatError(error)) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code.startsWith("HPE_")) {
    return new ChatError("SERVER_ERROR", `${url} does not speak HTTP`, { reason: "http", cause: error });
  }
  const [reason, text] = explain(code, timedOut, error);
  return new ChatError("SERVER_UNREACHABLE", `the naming server ${url} cannot be reached: ${text}`, {
    reason,
    details: { url },
    cause: error,
  });
}

function explain(code: string, timedOut: boolean, error: unknown): readonly [reason: string, text: string] {
  if (timedOut) return ["timeout", "it does not answer"];
  if (TLS.test(code)) return ["tls", explainCertificate(code, error)];
  return REASONS[code] ?? ["connection", code === "" ? "the connection failed" : `the connection failed (${code})`];
}

function explainCertificate(code: string, error: unknown): string {
  switch (code) {
    case "CERT_HAS_EXPIRED":
      return "its certificate has expired, or this computer's clock is wrong";
    case "CERT_NOT_YET_VALID":
      return "its certificate is not valid yet, or this computer's clock is wrong";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return "its certificate is for another host name";
    case "EPROTO":
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
      return "it does not speak TLS; is it an http URL?";
    default:
      return `its certificate is not trusted (${error instanceof Error ? error.message : code})`;
  }
}
