/*
 * Answers every message with its own text. It is a peer of its own: register a profile, then
 *
 *     P2PCHAT_PROFILE=echo node echo-bot.ts
 *
 * To run beside `p2pchat listen`, take `connect` in place of `open`.
 */
import { ChatError, open } from "p2pchat";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

await using chat = await open();
const { username } = await chat.whoami();
console.log(`${username} echoes`);

// A message is done with once the next one is asked for: one that was cut short comes again at the next start.
for await (const event of chat.events({ consumer: "echo-bot", signal: stop.signal })) {
  // Two bots do not answer each other's answers for ever.
  if (event.type !== "message" || event.replyTo !== undefined) continue;
  try {
    // The id makes the repeat harmless. It is safe on disk then; p2pchat delivers it when it can.
    await chat.send({
      to: event.from,
      text: event.text,
      replyTo: event.id,
      id: `echo-${event.id}`,
      wait: "queued",
    });
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    console.error(`no answer to ${event.from}: ${error.code}`);
  }
}
