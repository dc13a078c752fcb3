import { describe, expect, test } from "vitest";
import {
  claimSchema,
  historySchema,
  keyPackageUploadSchema,
  nameSchema,
  presenceSchema,
  problemSchema,
  tokenRequestSchema,
} from "../../shared/api.ts";
import { ERROR_CODES } from "../../shared/errors.ts";
import { personOf } from "../support/people.ts";

const { device } = personOf("bob");
const problem = { type: "about:blank", title: "Not found", status: 404, code: "NAME_UNKNOWN" };

describe("bodies of the REST interface", () => {
  test("may grow members in answers", () => {
    const answer = { name: "bob", record: "a.b.c", log: { index: 0, size: 1, proof: [] }, addresses: [] };
    expect(nameSchema.parse({ ...answer, seen: 1 })).toEqual({ ...answer, mailboxes: [] });
    expect(presenceSchema.parse({ online: [], at: 1, more: true })).toEqual({ online: [], at: 1 });
    expect(problemSchema.parse({ ...problem, instance: "x" })).toEqual(problem);
  });

  test("may not grow members in requests", () => {
    const request = {
      grant_type: "client_credentials",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: "a.b.c",
    };
    expect(tokenRequestSchema.safeParse(request).success).toBe(true);
    expect(tokenRequestSchema.safeParse({ ...request, scope: "all" }).success).toBe(false);
    expect(tokenRequestSchema.safeParse({ ...request, grant_type: "password" }).success).toBe(false);
    expect(keyPackageUploadSchema.safeParse({ keyPackages: [], admin: true }).success).toBe(false);
  });

  test("hold key packages as bytes, up to 8 KiB each and 50 at once", () => {
    const encode = (length: number) => Buffer.alloc(length, 7).toString("base64url");
    const upload = (...keyPackages: unknown[]) => keyPackageUploadSchema.safeParse({ keyPackages });
    expect(upload("AQID").data?.keyPackages).toEqual([Uint8Array.of(1, 2, 3)]);
    expect(upload(encode(8192)).success).toBe(true);
    expect(upload(encode(8193)).success).toBe(false);
    expect(upload(...new Array<string>(50).fill("AQID")).success).toBe(true);
    expect(upload(...new Array<string>(51).fill("AQID")).success).toBe(false);
  });

  test.each(["AQI=", "AQ==", "+/8", "AR", "", "A", 7, null])(
    "refuse the key package %j without throwing",
    (keyPackage) => {
      expect(keyPackageUploadSchema.safeParse({ keyPackages: [keyPackage] }).success).toBe(false);
      const claimed = { keyPackages: [{ device, keyPackage, lastResort: false }] };
      expect(claimSchema.safeParse(claimed).success).toBe(false);
    },
  );

  test("page the history until there is no next", () => {
    expect(historySchema.safeParse({ name: "bob", records: [], next: null }).success).toBe(true);
    expect(historySchema.safeParse({ name: "bob", records: [], next: 0 }).success).toBe(false);
    expect(historySchema.safeParse({ name: "bob", records: ["x".repeat(4097)], next: null }).success).toBe(false);
  });

  test("name every problem by a code of ours", () => {
    for (const code of ERROR_CODES) expect(problemSchema.safeParse({ ...problem, code }).success).toBe(true);
    expect(problemSchema.safeParse({ ...problem, code: "TEAPOT" }).success).toBe(false);
    expect(problemSchema.safeParse({ ...problem, code: undefined }).success).toBe(false);
  });
});
