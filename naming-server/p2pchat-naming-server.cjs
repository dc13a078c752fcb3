#!/usr/bin/env node
"use strict";
var path = require("path");

require("../shared/launcher.cjs").launch({
  root: path.dirname(__dirname),
  built: "dist/naming-server/main.js",
  source: "naming-server/main.ts",
});
