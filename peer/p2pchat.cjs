#!/bin/sh
":" //; ulimit -c 0; exec node --max-semi-space-size=16 "$0" "$@"
/*
 * To sh the second line is its whole program: no core dumps, which would hold keys, and Node on this very file with half
 * of its room for new objects, which a busy `listen` fills to no gain. To Node it is a string and a comment.
 */
"use strict";
var path = require("path");

require("../shared/launcher.cjs").launch({
  root: path.dirname(__dirname),
  built: "dist/p2pchat/main.cjs",
  source: "peer/main.ts",
});
