import { audienceSchema } from "../../shared/schemas.ts";

/** How the naming server spells its own public URL; records and assertions name it so. */
export interface Audience {
  readonly current: string;
  /** Takes over the server's spelling, once and only where none is pinned; false when it keeps its own. */
  adopt(expected: string): boolean;
}

/**
 * A profile pins the spelling that its own record carries: a server that could change it later would collect assertions
 * that are valid elsewhere.
 *
 * @param url  stands in until the first contact
 * @param onAudience  is told what was adopted
 */
export function createAudience(
  pinned: string | undefined,
  url: string,
  onAudience?: (audience: string) => void,
): Audience {
  let known = pinned;
  return {
    get current() {
      return known ?? url;
    },
    adopt(expected) {
      if (known !== undefined || !audienceSchema.safeParse(expected).success) return false;
      known = expected;
      onAudience?.(expected);
      return true;
    },
  };
}
