import { openProfileDirectory } from "../../../peer/identity/profile-directory.ts";
import { isChatError } from "../../../shared/errors.ts";

// node open-directory-script.ts <home>: makes a profile's directory there and prints what came of it

const [home = ""] = process.argv.slice(2);

try {
  openProfileDirectory({ home, profile: "default", create: true });
  console.log(JSON.stringify("made"));
} catch (error) {
  if (!isChatError(error)) throw error;
  const { code, reason, message } = error;
  console.log(JSON.stringify({ code, reason, message }));
}
