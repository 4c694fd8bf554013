// A process of an installation, as its environment says: prints "ready" when it works, and ends when its standard input does.
import 'reflect-metadata';
import { startApp } from '../../src/app.js';
import { loadConfig } from '../../src/config/index.js';

const app = await startApp(loadConfig(process.env));
console.log('ready');
process.stdin.resume();
process.stdin.on('end', () => void app.close().then(() => process.exit(0)));
