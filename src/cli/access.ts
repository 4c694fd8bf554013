import type { Command } from 'commander';
import type { AccessChange } from '../governance/index.js';
import { accessLines, whenText } from './access-lines.js';
import { withServer, type ServerOptions } from './connect.js';
import { DOCUMENTS } from './documents.js';
import { readManifests } from './manifest-files.js';
import { print, table } from './output.js';

type Options = ServerOptions & { readonly json?: boolean };

interface Exposure {
  readonly dataset: string;
  readonly field: string;
  readonly audience: string;
  readonly purposes: readonly string[];
  readonly withoutPurpose: boolean;
  readonly effect: string;
  readonly grants: readonly string[];
}

interface Sight {
  readonly dataset: string;
  readonly field: string;
  readonly principal: string;
  readonly purposes: readonly string[];
  readonly acts: number;
  readonly rows: string;
  readonly last: string;
}

interface Activity {
  readonly purpose: string | null;
  readonly description: string | null;
  readonly lawfulBasis: string | null;
  readonly contact: string | null;
  readonly categoriesOfSubjects: readonly string[];
  readonly categoriesOfData: readonly string[];
  readonly recipients: readonly string[];
  readonly transfers: string | null;
  readonly retention: string | null;
  readonly gaps: readonly string[];
  readonly datasets: readonly { dataset: string; plain: readonly string[]; masked: readonly string[]; source: string | null }[];
}

export function accessCommand(program: Command): void {
  const access = program
    .command('access')
    .summary('review who sees what: before a change, now, and by the record')
    .description('Reviews who sees what: what manifests would change of it, what grants allow now, and what was made of them.');
  access
    .command('diff')
    .description('Tells who would gain or lose which field by manifests. Nothing is changed.')
    .argument('<paths...>', 'YAML files, folders of them, or - for standard input')
    .option('--prune', 'as if what is in none of the files were removed')
    .addHelpText('after', '\nExample:\n  headgate access diff catalog/grants.yaml')
    .action(async (paths: string[], _options: unknown, command: Command) => {
      const options: Options & { readonly prune?: boolean } = command.optsWithGlobals();
      const body = JSON.stringify({ files: await readManifests(paths), prune: options.prune ?? false });
      const { changes } = await withServer(options, (client) =>
        client.json<{ changes: readonly AccessChange[] }>('/manifests/access', { method: 'POST', headers: { 'content-type': 'application/json' }, body }),
      );
      print(changes, options.json, () => (changes.length === 0 ? ['Nobody would gain or lose anything.'] : accessLines(changes)));
    });
  access
    .command('who')
    .description('Tells who can see fields with a tag, or one under it, as they are.')
    .argument('<tag>', 'such as pii, or pii.email')
    .option('--masked', 'also who sees them through a mask')
    .addHelpText('after', '\nExample:\n  headgate access who pii')
    .action(async (tag: string, _options: unknown, command: Command) => {
      const options: Options & { readonly masked?: boolean } = command.optsWithGlobals();
      const found = await ask<Exposure[]>(options, DOCUMENTS.whoCanSee, { tag, unmasked: options.masked !== true });
      const rows = found.map((one) => [
        `${one.dataset}.${one.field}`,
        one.audience + whenText(one.purposes, one.withoutPurpose),
        `${one.effect} (${one.grants.join(', ')})`,
      ]);
      print(found, options.json, () => (rows.length === 0 ? [`Nobody, of fields with the tag ${tag}.`] : table(rows)));
    });
  access
    .command('saw')
    .description('Tells who was given fields with a tag, or one under it, as they are, by the record: in the last 90 days, or since a moment.')
    .argument('<tag>', 'such as pii, or pii.email')
    .option('--since <time>', 'RFC 3339, such as 2026-01-01T00:00:00Z')
    .addHelpText('after', '\nExample:\n  headgate access saw pii.email --since 2026-01-01T00:00:00Z')
    .action(async (tag: string, _options: unknown, command: Command) => {
      const options: Options & { readonly since?: string } = command.optsWithGlobals();
      const found = await ask<Sight[]>(options, DOCUMENTS.whoSaw, { tag, since: options.since });
      const rows = found.map((one) => [`${one.dataset}.${one.field}`, one.principal, `${one.acts} acts, ${one.rows} rows`, `last ${one.last}`]);
      print(found, options.json, () => (rows.length === 0 ? [`Nobody, of fields with the tag ${tag}.`] : table(rows)));
    });
  access
    .command('grants')
    .description('Tells how often each grant was of use, by the record: in the last 90 days, or since a moment.')
    .option('--unused', 'only those that were of none')
    .option('--since <time>', 'RFC 3339, such as 2026-01-01T00:00:00Z')
    .addHelpText('after', '\nExample:\n  headgate access grants --unused')
    .action(async (_options: unknown, command: Command) => {
      const options: Options & { readonly since?: string; readonly unused?: boolean } = command.optsWithGlobals();
      const found = await ask<{ grant: string; acts: number; lastUsedAt: string | null }[]>(options, DOCUMENTS.grantUses, {
        since: options.since,
        unused: options.unused === true,
      });
      print(found, options.json, () =>
        table(found.map(({ grant, acts, lastUsedAt }) => [grant, `${acts} acts`, lastUsedAt === null ? 'never' : `last ${lastUsedAt}`])),
      );
    });
  access
    .command('record')
    .description('Prints the record of processing activities: purposes, lawful bases, whose and which data, recipients, retention. As Markdown.')
    .addHelpText('after', '\nExamples:\n  headgate access record > processing.md\n  headgate access record --json')
    .action(async (_options: unknown, command: Command) => {
      const options: Options = command.optsWithGlobals();
      const found = await ask<Activity[]>(options, DOCUMENTS.processingActivities, {});
      print(found, options.json, () => ['# Record of processing activities', ...found.flatMap(activityLines)]);
    });
}

async function ask<Found>(options: Options, query: string, variables: Readonly<Record<string, unknown>>): Promise<Found> {
  const { found } = await withServer(options, (client) => client.graphql<{ found: Found }>(query, variables));
  return found;
}

function activityLines(activity: Activity): string[] {
  const line = (what: string, value: string | null) => (value === null || value === '' ? [] : [`- ${what}: ${value}`]);
  return [
    '',
    `## ${activity.purpose ?? 'Without a purpose'}`,
    '',
    ...(activity.description === null ? [] : [activity.description, '']),
    ...line('lawful basis', activity.lawfulBasis),
    ...line('contact', activity.contact),
    ...line('categories of data subjects', activity.categoriesOfSubjects.join(', ')),
    ...line('categories of data', activity.categoriesOfData.join(', ')),
    ...line('recipients', activity.recipients.join(', ')),
    ...line('transfers', activity.transfers),
    ...line('retention', activity.retention),
    ...activity.datasets.map(
      ({ dataset, plain, masked, source }) =>
        `- dataset ${dataset}${source === null ? '' : ` (stays at ${source})`}: ${[...plain, ...masked.map((field) => `${field} (masked)`)].join(', ')}`,
    ),
    ...activity.gaps.map((gap) => `- **missing**: ${gap}`),
  ];
}
