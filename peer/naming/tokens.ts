import type { KeyObject } from "node:crypto";
import { signAssertion } from "../../shared/assertion.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { isChatError } from "../../shared/errors.ts";
import { singleFlight } from "../../shared/single-flight.ts";
import type { Username } from "../../shared/username.ts";
import type { Audience } from "./audience.ts";
import type { Clock } from "./clock.ts";

export type Credentials = { readonly username: Username; readonly device: DeviceId; readonly deviceKey: KeyObject };

export type GrantedToken = { readonly token: string; readonly lifetimeSeconds: number };

export interface AccessTokens {
  /** A token that is good for some time yet; many callers share one request. */
  get(signal?: AbortSignal): Promise<string>;
  /** The server no longer takes this one. */
  forget(token: string): void;
}

export type TokenOptions = {
  readonly credentials: Credentials;
  readonly audience: Audience;
  readonly clock: Clock;
  /** 16 to 64 characters, never the same twice. */
  readonly randomId: () => string;
  /** Sends the assertion; an error has already moved `clock` and `audience` where it could. */
  readonly exchange: (assertion: string) => Promise<GrantedToken>;
};

const ASSERTION_LIFETIME_SECONDS = 60;
const RENEW_BEFORE_SECONDS = 30;

export function createAccessTokens(options: TokenOptions): AccessTokens {
  const { clock } = options;
  let held: { token: string; renewAtMs: number } | undefined;
  const renew = singleFlight(async (_: "token") => {
    const { token, lifetimeSeconds } = await grant(options);
    const usableSeconds = Math.max(lifetimeSeconds - RENEW_BEFORE_SECONDS, lifetimeSeconds / 2);
    held = { token, renewAtMs: clock.now() + usableSeconds * 1000 };
    return token;
  });
  return {
    async get(signal) {
      return held !== undefined && clock.now() < held.renewAtMs ? held.token : renew("token", signal);
    },
    forget(token) {
      if (held?.token === token) held = undefined;
    },
  };
}

/** Asks again after each thing that a second assertion can put right, but not twice for the same. */
async function grant(options: TokenOptions): Promise<GrantedToken> {
  const cured = new Set<string>();
  for (;;) {
    const { offsetMs } = options.clock;
    const { current } = options.audience;
    try {
      return await options.exchange(await assertionOf(options));
    } catch (error) {
      const moved = { clock: options.clock.offsetMs !== offsetMs, audience: options.audience.current !== current };
      const cure = cureOf(error, moved);
      if (cure === undefined || cured.has(cure)) throw error;
      cured.add(cure);
    }
  }
}

function cureOf(error: unknown, moved: { clock: boolean; audience: boolean }): string | undefined {
  if (isChatError(error, "CLOCK_SKEW") && moved.clock) return "clock";
  if (isChatError(error, "TOKEN_INVALID") && moved.audience) return "audience";
  // The request was repeated after a lost connection, and the server had seen it the first time.
  return isChatError(error, "TOKEN_REPLAYED") ? "jti" : undefined;
}

function assertionOf({ credentials, audience, clock, randomId }: TokenOptions): Promise<string> {
  const { username, device, deviceKey } = credentials;
  const iat = Math.floor(clock.now() / 1000);
  const claims = { iss: username, sub: username, aud: audience.current, jti: randomId() };
  return signAssertion({ ...claims, iat, exp: iat + ASSERTION_LIFETIME_SECONDS }, device, deviceKey);
}
