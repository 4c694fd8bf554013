import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '../../src/kernel/index.js';
import { Notifications } from '../../src/store/index.js';
import { until } from '../support/processes.js';
import { openedDatabase } from './opened-database.js';

const opened = openedDatabase();
let notifications: Notifications;

beforeEach(() => {
  notifications = new Notifications(opened.connection, silentLog);
});

afterEach(() => notifications.close());

const notify = (channel: string, payload: string) => opened.database.query('SELECT pg_notify($1, $2)', [channel, payload]);

const LISTENERS = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
const listeners = async (): Promise<number> => (await opened.database.query(`SELECT 1 ${LISTENERS}`)).length;

test('what is sent to a channel reaches its listeners, and no others', async () => {
  const heard: string[] = [];
  await notifications.start();
  const stop = await notifications.listen('one', (payload) => heard.push(`one ${payload}`));
  await notifications.listen('two', (payload) => heard.push(`two ${payload}`));
  await notify('one', 'a');
  await notify('two', 'b');
  await until('both are heard', () => heard.length === 2);
  expect(heard.toSorted()).toEqual(['one a', 'two b']);
  stop();
  await notify('one', 'c');
  await notify('two', 'd');
  await until('the last is heard', () => heard.includes('two d'));
  expect(heard).not.toContain('one c');
});

test('a listener that throws does not keep the others from hearing', async () => {
  const heard: string[] = [];
  await notifications.start();
  await notifications.listen('one', () => {
    throw new Error('mine');
  });
  await notifications.listen('one', (payload) => heard.push(payload));
  await notify('one', 'a');
  await until('it is heard', () => heard.length === 1);
});

test('cut off, it connects again, says that there was a gap, and hears what comes then on all channels', async () => {
  const heard: string[] = [];
  const state = { gaps: 0 };
  await notifications.start();
  await notifications.listen(
    'one',
    (payload) => heard.push(payload),
    () => state.gaps++,
  );
  await notifications.listen('two', (payload) => heard.push(payload));
  for (const round of [1, 2]) {
    await opened.database.query(`SELECT pg_terminate_backend(pid) ${LISTENERS}`);
    await until('the gap is told', () => state.gaps === round);
    await notify('one', `one ${round}`);
    await notify('two', `two ${round}`);
    await until('both are heard', () => heard.length === 2 * round);
  }
  expect(heard).toEqual(['one 1', 'two 1', 'one 2', 'two 2']);
  expect(await listeners()).toBe(1);
});

test('a subscription that is made while it is cut off is in force afterwards', async () => {
  const heard: string[] = [];
  const state = { gaps: 0 };
  await notifications.start();
  await notifications.listen(
    'one',
    () => undefined,
    () => state.gaps++,
  );
  await opened.database.query(`SELECT pg_terminate_backend(pid) ${LISTENERS}`);
  await until('it is cut off', async () => (await listeners()) === 0);
  await notifications.listen('three', (payload) => heard.push(payload));
  await until('the gap is told', () => state.gaps === 1);
  await notify('three', 'a');
  await until('it is heard', () => heard.length === 1);
});

test('closed, it stays closed', async () => {
  await notifications.start();
  await notifications.listen('one', () => undefined);
  await notifications.close();
  await until('its session is gone', async () => (await listeners()) === 0);
});
