"use strict";
/*
 * Starts a program. It runs before anything is known of the Node that runs it, so its syntax is that of any Node: the
 * built program where there is one, else its source, with this Node or, where this one is too old, with the package's.
 */
var fs = require("fs");
var path = require("path");

var FLOOR = [24, 15];

/**
 * @param {{ root: string, built: string, source: string }} program  the package's directory, and two paths inside
 */
exports.launch = function launch(program) {
  var own = path.join(program.root, "node_modules", "node", "bin", "node");
  if (!isRecent()) {
    if (!fs.existsSync(own)) return refuse();
    return startWith(own);
  }
  var built = path.join(program.root, program.built);
  var isBuilt = fs.existsSync(built);
  if (isBuilt) cacheCode();
  if (isBuilt && path.extname(built) === ".cjs") require(built);
  else import(require("url").pathToFileURL(isBuilt ? built : path.join(program.root, program.source)).href);
};

function isRecent() {
  var version = process.versions.node.split(".").map(Number);
  return version[0] > FLOOR[0] || (version[0] === FLOOR[0] && version[1] >= FLOOR[1]);
}

function refuse() {
  process.stderr.write("p2pchat needs Node " + FLOOR.join(".") + " or newer; this is " + process.version + "\n");
  process.exitCode = 1;
}

/** The same command line under another Node, with its input, output, signals and exit status. */
function startWith(node) {
  process.title = "p2pchat";
  // What the first line of the program's file gave this one: how much room new objects have.
  var room = process.execArgv.filter(function (argument) {
    return /^--(min|max)-semi-space-size=\d+$/.test(argument);
  });
  var child = require("child_process").spawn(node, room.concat(process.argv.slice(1)), { stdio: "inherit" });
  ["SIGINT", "SIGTERM", "SIGHUP"].forEach(function (signal) {
    process.on(signal, function () {
      // A terminal sends Ctrl-C to both.
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  });
  child.on("error", refuse);
  child.on("exit", function (status, signal) {
    if (!signal) process.exit(status);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/** Compiled code is kept for the next start, where nobody else can write. */
function cacheCode() {
  var base = process.env.XDG_CACHE_HOME || (process.env.HOME && path.join(process.env.HOME, ".cache"));
  if (!base || !path.isAbsolute(base)) return;
  var directory = path.join(base, "p2pchat", "code");
  try {
    [base, path.dirname(directory), directory].forEach(function (level) {
      if (!fs.existsSync(level)) fs.mkdirSync(level, { mode: 0o700 });
    });
    var found = fs.lstatSync(directory);
    var isOurs = !process.geteuid || (found.uid === process.geteuid() && (found.mode & 0o077) === 0);
    if (found.isDirectory() && isOurs) require("module").enableCompileCache(directory);
  } catch (_error) {
    // Without a cache it starts all the same.
  }
}
