import { askNewPassphrase, askPassphrase } from "../../../peer/identity/passphrase.ts";
import { isChatError } from "../../../shared/errors.ts";

// node passphrase-script.ts [new]: asks on the terminal and prints what came of it

const [kind] = process.argv.slice(2);
try {
  const passphrase = await (kind === "new" ? askNewPassphrase({}) : askPassphrase({}));
  console.log(JSON.stringify({ passphrase }));
} catch (error) {
  if (!isChatError(error)) throw error;
  console.log(JSON.stringify({ code: error.code, reason: error.reason }));
}
