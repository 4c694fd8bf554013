import type { Command } from 'commander';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from './client.js';
import { withServer, type ServerOptions } from './connect.js';
import { DOCUMENTS } from './documents.js';
import { print, table } from './output.js';

interface KeyAnswer {
  readonly id: string;
  readonly state: 'PENDING' | 'ACTIVE' | 'REPLACED' | 'RETIRED';
  readonly activatedAt: string | null;
  readonly replacedAt: string | null;
  readonly retiredAt: string | null;
  readonly held: boolean;
  readonly dependents: readonly { readonly name: string; readonly count: number }[];
}

interface RotationAnswer {
  readonly from: KeyAnswer;
  readonly to: KeyAnswer;
}

type KeyOptions = ServerOptions & { readonly json?: boolean };

const POLL_MS = 250;
/** Without any progress for so long there is no more that can be wrapped again. */
const STUCK_MS = 10_000;

export function keysCommand(program: Command): void {
  const keys = program
    .command('keys')
    .summary('change the master key')
    .description('Changes the master key, from which hashes, tokens, signatures and the keys of encrypted values are made.');
  keys
    .command('rotate')
    .description(
      'Makes a new master key the active one, in every process at once and without a pause. Where the keys are in a file it makes the key; where they are in HEADGATE_MASTER_KEY it takes the newest there that was not active yet.',
    )
    .addHelpText('after', '\nExamples:\n  headgate keys rotate\n  headgate keys rotate --url https://data.example.com --token "$ADMIN_TOKEN" --json')
    .action(async (_options: unknown, command: Command) => {
      const options: KeyOptions = command.optsWithGlobals();
      const rotation = await withServer(options, async (client, { own }) => {
        const { rotateKeys } = await client.graphql<{ rotateKeys: RotationAnswer }>(DOCUMENTS.rotateKeys);
        // A server of this command's own would end with it, and the rest would wait for the next.
        return own ? await rewrapped(client, rotateKeys) : rotateKeys;
      });
      print(rotation, options.json, () => rotationLines(rotation));
    });
  keys
    .command('list')
    .description('Lists the master keys: their ids, since when each is what it is, and what still depends on it.')
    .addHelpText('after', '\nExample:\n  headgate keys list')
    .action(async (_options: unknown, command: Command) => {
      const options: KeyOptions = command.optsWithGlobals();
      const { masterKeys } = await withServer(options, (client) => client.graphql<{ masterKeys: KeyAnswer[] }>(DOCUMENTS.masterKeys));
      print(masterKeys, options.json, () => table([['ID', 'STATE', 'ACTIVE SINCE', 'UNTIL', 'HELD', 'WRAPS'], ...masterKeys.map(cells)]));
    });
  keys
    .command('retire')
    .description(
      'Ends a master key that was replaced, for good: tokens that it signed are refused, and it is taken out of the key file. Refuses while something is wrapped with it. Backups that were made under it can be restored only with a copy of it.',
    )
    .argument('<id>', 'as "headgate keys list" prints it')
    .addHelpText('after', '\nExample:\n  headgate keys retire 3f1c09a27be4d855')
    .action(async (id: string, _options: unknown, command: Command) => {
      const options: KeyOptions = command.optsWithGlobals();
      const { retireMasterKey: key } = await withServer(options, (client) => client.graphql<{ retireMasterKey: KeyAnswer }>(DOCUMENTS.retireKey, { id }));
      print(key, options.json, () => [
        `The master key ${key.id} is retired: tokens that it signed are refused from now on.${key.held ? ' Take it out of HEADGATE_MASTER_KEY.' : ''}`,
      ]);
    });
}

/** Waits until nothing is wrapped with the old key; as long as it goes on, and not for what can't be unwrapped. */
async function rewrapped(client: Client, rotation: RotationAnswer): Promise<RotationAnswer> {
  let { from } = rotation;
  let [left, since] = [Number.POSITIVE_INFINITY, performance.now()];
  while (from.dependents.length > 0 && performance.now() - since < STUCK_MS) {
    await delay(POLL_MS);
    const { masterKeys } = await client.graphql<{ masterKeys: KeyAnswer[] }>(DOCUMENTS.masterKeys);
    from = masterKeys.find(({ id }) => id === from.id) ?? from;
    const now = from.dependents.reduce((sum, { count }) => sum + count, 0);
    if (now < left) [left, since] = [now, performance.now()];
  }
  return { ...rotation, from };
}

function rotationLines({ from, to }: RotationAnswer): string[] {
  const rest = from.dependents.length > 0 ? ` ${wrapped(from)} are being wrapped with it.` : '';
  return [
    `The master key ${to.id} is active in every process.${rest}`,
    `Tokens signed with ${from.id} stay good until they expire, or until "headgate keys retire ${from.id}".`,
  ];
}

function cells({ id, state, activatedAt, replacedAt, retiredAt, held, dependents }: KeyAnswer): string[] {
  return [
    id,
    state.toLowerCase(),
    activatedAt ?? '-',
    retiredAt ?? replacedAt ?? '-',
    held ? 'yes' : 'no',
    dependents.length > 0 ? wrapped({ dependents }) : '-',
  ];
}

function wrapped({ dependents }: Pick<KeyAnswer, 'dependents'>): string {
  return dependents.map(({ name, count }) => `${count} ${name}`).join(', ');
}
