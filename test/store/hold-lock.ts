// Takes the lock of the folder given, says how that went, and holds it until its standard input ends.
import { HomeLock } from '../../src/store/home-lock.js';
import { isHeadgateError } from '../../src/kernel/index.js';

const [home = ''] = process.argv.slice(2);
try {
  const lock = await HomeLock.acquire(home);
  console.log(JSON.stringify({ pid: process.pid, held: true }));
  process.stdin.resume();
  process.stdin.on('end', () => void lock.release());
} catch (error) {
  if (!isHeadgateError(error)) throw error;
  console.log(JSON.stringify({ pid: process.pid, held: false, code: error.code, message: error.message }));
}
