#!/bin/sh
":" //; ulimit -c 0; exec node --max-semi-space-size=8 "$0" "$@"
/*
 * To sh the second line is its whole program: no core dumps, which would hold keys, and Node on this very file with a
 * quarter of its room for new objects, which thousands of watchers fill to no gain. To Node it is a string and a comment.
 */
"use strict";
var path = require("path");

require("../shared/launcher.cjs").launch({
  root: path.dirname(__dirname),
  built: "dist/naming-server/main.js",
  source: "naming-server/main.ts",
});
