/*
 * `npm run demo`: a naming server on its embedded database, two people, one message, all as real processes on this
 * machine; then everything is gone again.
 */
import { sandbox } from "../../peer/sandbox.ts";

const PATIENCE_MS = 60_000;

try {
  say("p2pchat sandbox", "a naming server on SQLite; alice and bob register and listen");
  await using box = await sandbox({ peers: ["alice", "bob"], signal: AbortSignal.timeout(PATIENCE_MS) });
  say('p2pchat send bob "hi"', "in alice's terminal");
  const { code, stdout, stderr } = await box.peer("alice").run(["send", "bob", "hi"]);
  console.log(stdout.replace(/^(?=.)/gm, "  "));
  if (code !== 0) throw new Error(`p2pchat send ended with ${code}: ${stderr}`);
  const { from, text } = await box.peer("bob").nextMessage("hi");
  console.log(`bob's terminal shows\n  ${from}: ${text}\n`);
} catch (error) {
  console.error(`demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

function say(command: string, remark: string): void {
  console.log(`$ ${command}   # ${remark}`);
}
