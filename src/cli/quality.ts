import type { Command } from 'commander';
import { HeadgateError } from '../kernel/index.js';
import { withServer, type ServerOptions } from './connect.js';
import { DOCUMENTS } from './documents.js';
import { print, table } from './output.js';

interface Report {
  readonly id: string;
  readonly rowCount: string;
  readonly score: number | null;
  readonly accuracy: number | null;
  readonly completeness: number | null;
  readonly consistency: number | null;
  readonly timeliness: number | null;
  readonly checks: readonly {
    name: string;
    dimension: string;
    severity: string;
    status: string;
    observed: string | null;
    expected: string | null;
    failingRows: string | null;
  }[];
}

export function qualityCommand(program: Command): void {
  const quality = program.command('quality').summary('check the quality of a dataset').description('Checks the quality of datasets.');
  quality
    .command('check')
    .description("Checks a dataset against its contract's rules and keeps the report. Exits with 3 when a check of severity error failed.")
    .argument('<dataset>', 'its name')
    .addHelpText('after', '\nExample:\n  headgate quality check flights')
    .action(async (dataset: string, _options: unknown, command: Command) => {
      const options: ServerOptions & { readonly json?: boolean } = command.optsWithGlobals();
      const { checkQuality: report } = await withServer(options, (client) => client.graphql<{ checkQuality: Report }>(DOCUMENTS.checkQuality, { dataset }));
      print(report, options.json, () => reportLines(report));
      const failed = report.checks.filter(({ status }) => status === 'FAILED');
      if (failed.length > 0)
        throw new HeadgateError('DATA_REJECTED', `${failed.length} of ${report.checks.length} checks failed: ${failed.map(({ name }) => name).join(', ')}.`);
    });
}

function reportLines(report: Report): string[] {
  const score = (value: number | null) => (value === null ? '-' : `${(value * 100).toFixed(2)}%`);
  const { accuracy, completeness, consistency, timeliness } = report;
  return [
    `score ${score(report.score)} of ${report.rowCount} rows (accuracy ${score(accuracy)}, completeness ${score(completeness)}, consistency ${score(consistency)}, timeliness ${score(timeliness)})`,
    ...table(
      report.checks.map(({ status, name, dimension, observed, expected }) => [
        status,
        name,
        dimension,
        `${observed ?? ''}${expected === null ? '' : ` (expected: ${expected})`}`,
      ]),
    ),
  ];
}
