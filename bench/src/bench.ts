import { measureExports } from './exports.ts';
import { measureLoads } from './loads.ts';
import { measureMerges } from './merges.ts';
import { describeMachine } from './machine.ts';
import { exportMarks, loadMarks, mergeMarks, overheadMarks, readMarks } from './marks.ts';
import { readOptions } from './options.ts';
import { measureOverheads } from './overheads.ts';
import { measureParquet } from './parquet.ts';
import { measureReads } from './reads.ts';
import { textOf, type Report } from './report.ts';
import { Shop } from './shop.ts';

const options = readOptions(process.env, process.argv.slice(2));
const { json, parts, ...sizes } = options;
// Standard output is for the report alone.
const say = (text: string): void => void process.stderr.write(`${text}\n`);

const shop = await Shop.open();
process.once('SIGINT', () => {
  say('stopping');
  void shop.close().finally(() => process.exit(130));
});
try {
  const headgate = await shop.serve('headgate');
  await shop.apply(headgate);
  const ofReads = { shop, options, say };
  let reads: Report['reads'];
  let overheads: Report['overheads'];
  if (parts.has('reads') || parts.has('overheads')) {
    await shop.fill(headgate, options.customers);
    say('the shop is filled');
  }
  if (parts.has('reads')) {
    const [postgraphile, limit] = [await shop.serve('postgraphile'), await shop.serve('limit')];
    reads = await measureReads({ headgate, postgraphile, limit }, ofReads);
    for (const server of [postgraphile, limit]) await shop.dismiss(server);
  }
  if (parts.has('overheads')) {
    const relaxed = await shop.serve('headgate', { HEADGATE_AUDIT: 'async' });
    overheads = await measureOverheads(headgate, relaxed, ofReads);
    await shop.dismiss(relaxed);
  }
  const loads = parts.has('loads') ? await measureLoads(shop, headgate, options, say) : undefined;
  const merges = parts.has('merges') ? await measureMerges(shop, headgate, options, say) : undefined;
  const parquet = parts.has('parquet') ? await measureParquet(shop, headgate, options, say) : undefined;
  const exports = parts.has('exports') ? await measureExports(shop, headgate, options, say) : undefined;
  const report: Report = {
    machine: await describeMachine(shop.postgresVersion),
    options: sizes,
    ...(reads && { reads }),
    ...(overheads && { overheads }),
    ...(loads && { loads }),
    ...(merges && { merges }),
    ...(parquet && { parquet }),
    ...(exports && { exports }),
    marks: [
      ...(reads ? readMarks(reads) : []),
      ...(overheads ? overheadMarks(overheads) : []),
      ...(loads ? loadMarks(loads) : []),
      ...(merges ? mergeMarks(merges) : []),
      ...(exports ? exportMarks(exports) : []),
    ],
  };
  console.log(json ? JSON.stringify(report, undefined, 2) : textOf(report));
} finally {
  await shop.close();
}
