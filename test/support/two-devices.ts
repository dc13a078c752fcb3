import { encodeBase64url } from "../../shared/base64url.ts";
import { call, type Options, register, signIn, startTestServer, type TestServer } from "./naming-server.ts";
import { type Person, personOf } from "./people.ts";

export const alice = personOf("alice");
export const bob = personOf("bob");

/** A server where alice and bob are registered and signed in. */
export async function startWithTwo(options: Options = {}) {
  const server = await startTestServer(options);
  await register(server, alice);
  await register(server, bob);
  return { server, aliceToken: await signIn(server, alice), bobToken: await signIn(server, bob) };
}

export const packages = (...texts: string[]) => texts.map((text) => encodeBase64url(Buffer.from(text)));

export function upload(server: TestServer, token: string, body: unknown, person: Person = bob) {
  const path = `/v1/devices/${person.device}/key-packages`;
  return call(server, "POST", path, { token, type: "application/json", body: JSON.stringify(body) });
}
