// A worker of pipelines in a process of its own: node --import test/support/decorators.js worker.ts '<connection>'
import type { Connection } from '../../src/store/index.js';
import { openWorld } from './rooms.js';

const world = await openWorld(JSON.parse(process.argv[2] ?? '') as Connection);
world.keeper.start();
world.jobs.work('pipeline', ({ id }, { signal }) => world.pipelines.perform(id, signal));
process.stdout.write('ready\n');
process.stdin.once('end', () => process.exit(0)).resume();
