import * as z from "zod";
import { utf8 } from "../../shared/bytes.ts";
import { ChatError } from "../../shared/errors.ts";
import { audienceSchema, deviceIdSchema, usernameSchema } from "../../shared/schemas.ts";
import { parseStrictJson } from "../../shared/strict-json.ts";
import { readIfThere, writeFileDurably } from "./durable-file.ts";

/** 128 random bits in lower-case hex, drawn once a profile: what its sealed data is bound to. */
export const profileIdSchema = z.string().regex(/^[0-9a-f]{32}$/);

const profileSchema = z.strictObject({
  v: z.literal(1),
  profileId: profileIdSchema,
  username: usernameSchema,
  peerId: deviceIdSchema,
  /** The naming server's public URL. */
  server: audienceSchema,
  /** Whether loopback and link-local addresses in other people's records may be dialled. */
  allowLocal: z.boolean(),
  /** On no list of who is online. Absent otherwise, so that a release that does not know it opens no hidden profile. */
  hidden: z.literal(true).exactOptional(),
});

/** `profile.json`: what is public about a profile, readable without a passphrase. It is written once a name is claimed. */
export type Profile = Readonly<z.infer<typeof profileSchema>>;

/** @throws ChatError STORAGE */
export async function writeProfile(path: string, profile: Profile): Promise<void> {
  await writeFileDurably(path, utf8(`${JSON.stringify(profile, undefined, 2)}\n`));
}

/**
 * The profile, or undefined where none has been registered.
 *
 * @throws ChatError STORE_CORRUPT, STORAGE
 */
export async function findProfile(path: string): Promise<Profile | undefined> {
  const bytes = await readIfThere(path);
  if (bytes === undefined) return undefined;
  const { data, error } = profileSchema.safeParse(parseStrictJson(bytes, "STORE_CORRUPT"));
  if (error)
    throw new ChatError("STORE_CORRUPT", `profile.json is damaged: ${z.prettifyError(error)}`, { cause: error });
  return data;
}
