import { randomUUID } from "node:crypto";
import * as z from "zod";
import type { DeviceId } from "../shared/device-id.ts";
import { ChatError } from "../shared/errors.ts";
import { parseJws, readPayload, signJws, verifyJws } from "../shared/jws.ts";
import { JWS_TYPES, LIMITS } from "../shared/protocol.ts";
import { deviceIdSchema, unixSeconds, usernameSchema } from "../shared/schemas.ts";
import type { Username } from "../shared/username.ts";
import { BoundedMap } from "./bounded-map.ts";
import { SERVER_LIMITS } from "./limits.ts";
import type { SigningKeys } from "./signing-keys.ts";

const MAX_BYTES = 1024;

/** RFC 9068, with the device that asked; `iss` and `aud` are the server's public URL, each a single string. */
const claimsSchema = z.strictObject({
  iss: z.string(),
  aud: z.string(),
  sub: usernameSchema,
  device: deviceIdSchema,
  jti: z.string(),
  iat: unixSeconds,
  exp: unixSeconds,
});

type Claims = z.infer<typeof claimsSchema>;

/** Who sends a request. */
export type Caller = { readonly username: Username; readonly device: DeviceId };

/** And until when their token lasts, seconds since the Unix epoch. */
export type SignedIn = Caller & { readonly expires: number };

type Issuer = { readonly keys: SigningKeys; readonly publicUrl: string; readonly now: () => number };

/** Issues and checks access tokens; verified ones are remembered, as verifying costs more than a look-up. */
export class AccessTokens {
  readonly #issuer: Issuer;
  readonly #verified = new BoundedMap<string, Claims>(SERVER_LIMITS.cachedTokens);

  constructor(issuer: Issuer) {
    this.#issuer = issuer;
  }

  issue({ username, device }: Caller): Promise<string> {
    const { keys, publicUrl, now } = this.#issuer;
    const iat = Math.floor(now() / 1000);
    const exp = iat + LIMITS.accessTokenLifetimeSeconds;
    const claims: Claims = { iss: publicUrl, aud: publicUrl, sub: username, device, jti: randomUUID(), iat, exp };
    const { kid, privateKey } = keys.current();
    return signJws(claims, { typ: JWS_TYPES.accessToken, key: privateKey, kid });
  }

  /**
   * @throws ChatError TOKEN_INVALID with reason `size`, `form`, `header`, `alg`, `typ`, `payload`, `kid`, `signature`,
   *   `iss`, `aud`, `exp`
   */
  async verify(token: string): Promise<SignedIn> {
    let claims = this.#verified.get(token);
    if (claims === undefined) {
      claims = await this.#verifyAnew(token);
      this.#verified.set(token, claims);
    }
    this.#checkTimes(claims);
    return { username: claims.sub, device: claims.device, expires: claims.exp };
  }

  async #verifyAnew(token: string): Promise<Claims> {
    const { keys, publicUrl } = this.#issuer;
    const rules = { typ: JWS_TYPES.accessToken, maxBytes: MAX_BYTES, code: "TOKEN_INVALID", hasKid: true } as const;
    const jws = parseJws(token, rules);
    const key = keys.find(jws.header.kid);
    if (key === undefined) throw refuse("kid", "not signed with a key of this server");
    try {
      await verifyJws(jws, key.publicKey);
    } catch (cause) {
      throw refuse("signature", "the token's signature does not verify", cause);
    }
    const claims = readPayload(claimsSchema, jws, "TOKEN_INVALID");
    if (claims.iss !== publicUrl) throw refuse("iss", "the token comes from another server");
    if (claims.aud !== publicUrl) throw refuse("aud", "the token is for another server");
    return claims;
  }

  #checkTimes({ iat, exp }: Claims): void {
    const nowSeconds = this.#issuer.now() / 1000;
    const skew = LIMITS.clockSkewSeconds;
    const lasts = exp - iat <= LIMITS.accessTokenLifetimeSeconds;
    if (lasts && iat <= nowSeconds + skew && exp >= nowSeconds - skew) return;
    throw refuse("exp", "the token is not of this time");
  }
}

function refuse(reason: string, message: string, cause?: unknown): ChatError {
  return new ChatError("TOKEN_INVALID", message, { reason, cause });
}
