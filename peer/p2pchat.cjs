#!/bin/sh
":" //; ulimit -c 0; exec node --min-semi-space-size=4 --max-semi-space-size=16 "$0" "$@"
/*
 * To sh the second line is its whole program: no core dumps, which would hold keys, and Node on this very file with half
 * of its room for new objects, which a busy `listen` fills to no gain, but enough of it from the start: else a command
 * that has hardly begun collects garbage several times. To Node it is a string and a comment.
 */
"use strict";
var path = require("path");

require("../shared/launcher.cjs").launch({
  root: path.dirname(__dirname),
  built: "dist/p2pchat/main.cjs",
  source: "peer/main.ts",
});
