// A process of the installation on the database and home given: says when it is there, rotates the keys, and wraps what is wrapped.
import 'reflect-metadata';
import { AuditLog } from '../../src/audit/index.js';
import { raiseCatalogVersion } from '../../src/catalog/index.js';
import { silentLog } from '../../src/kernel/index.js';
import { Database, KeyRing, Notifications, type Connection } from '../../src/store/index.js';
import { KeyKeeper, MasterKeys } from '../../src/vault/index.js';
import { secrets } from '../vault/secrets.js';

const [connection = '', home = ''] = process.argv.slice(2);
const log = silentLog;
const database = await Database.open({ connection: JSON.parse(connection) as Connection, entities: [], statementTimeoutMs: 10_000 });
const keyRing = await KeyRing.open(home);
const notifications = new Notifications(database.connection, log);
await notifications.start();
const masterKeys = await MasterKeys.start({ database, notifications, keyRing, log });
const audit = new AuditLog({ database, log, mode: 'strict' });
const refresh = async (): Promise<void> => undefined;
const keeper = new KeyKeeper({ database, keyRing, masterKeys, audit, log, rewrappers: [secrets], raise: raiseCatalogVersion, refresh });
const { to } = await keeper.rotate({ subject: 'worker', roles: ['admin'] });
console.log(JSON.stringify({ to: to.id }));
