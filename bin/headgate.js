#!/usr/bin/env node
// Written in the JavaScript of long ago, and CommonJS by the package.json beside it: an old Node must get as far as the
// sentence that says what is needed.
'use strict';

var NEEDED = [22, 22];
var found = process.versions.node.split('.').map(Number);

if (found[0] < NEEDED[0] || (found[0] === NEEDED[0] && found[1] < NEEDED[1])) {
  console.error('Headgate needs Node ' + NEEDED.join('.') + ' or later, and this is Node ' + process.versions.node + ' (' + process.execPath + ').');
  process.exit(1);
}

var main = require('path').join(__dirname, '..', 'dist', 'src', 'cli', 'main.js');

if (!require('fs').existsSync(main)) {
  console.error('Headgate is not built yet: run "npm run build" in ' + require('path').dirname(__dirname) + '.');
  process.exit(1);
}

import(require('url').pathToFileURL(main).href).catch(function (error) {
  console.error(error);
  process.exit(1);
});
