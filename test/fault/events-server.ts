// The program on the home and database given, with the secrets of its environment: says where it answers, and works until it is killed.
import 'reflect-metadata';
import { startApp } from '../../src/app.js';
import { loadConfig } from '../../src/config/index.js';

const [home = '', databaseUrl = ''] = process.argv.slice(2);
const app = await startApp(loadConfig({ ...process.env, HEADGATE_HOME: home, DATABASE_URL: databaseUrl, PORT: '0', LOG_LEVEL: 'silent' }));
console.log(JSON.stringify({ url: app.url }));
process.stdin.resume();
