#!/usr/bin/env node
"use strict";
var path = require("path");

require("../shared/launcher.cjs").launch({
  root: path.dirname(__dirname),
  built: "dist/p2pchat/main.cjs",
  source: "peer/main.ts",
});
