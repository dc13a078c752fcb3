#!/bin/sh
":" //; ulimit -c 0; exec node "$0" "$@"
/*
 * To sh the second line is its whole program: no core dumps, which would hold keys, and Node on this very file. To Node
 * it is a string and a comment.
 */
"use strict";
var path = require("path");

require("../shared/launcher.cjs").launch({
  root: path.dirname(__dirname),
  built: "dist/naming-server/main.js",
  source: "naming-server/main.ts",
});
