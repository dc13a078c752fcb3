import { BaseSequencer, type TestSpecification } from "vitest/node";

/** A minute or more each, most of it waiting: begun last, they would be all that is left to wait for. */
const LONGEST = [
  "test/net/conversation.test.ts",
  "test/e2e/relayed.test.ts",
  "test/e2e/mailbox.test.ts",
  "test/e2e/partition.test.ts",
  "test/e2e/presence.test.ts",
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => LONGEST.some((path) => moduleId.endsWith(path));
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}
