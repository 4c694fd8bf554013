import { measureExports } from './exports.ts';
import { measureLoads } from './loads.ts';
import { describeMachine } from './machine.ts';
import { exportMarks, loadMarks, readMarks } from './marks.ts';
import { readOptions } from './options.ts';
import { measureReads } from './reads.ts';
import { textOf, type Report } from './report.ts';
import { SERVERS } from './server-process.ts';
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
  let reads: Report['reads'];
  if (parts.has('reads')) {
    await shop.fill(headgate, options.customers);
    say('the shop is filled');
    const others = SERVERS.filter((name) => name !== 'headgate');
    const servers = [headgate, ...(await Promise.all(others.map((name) => shop.serve(name))))];
    reads = await measureReads(servers, shop, options, say);
    for (const server of servers) if (server !== headgate) await shop.dismiss(server);
  }
  const loads = parts.has('loads') ? await measureLoads(shop, headgate, options, say) : undefined;
  const exports = parts.has('exports') ? await measureExports(shop, headgate, options, say) : undefined;
  const report: Report = {
    machine: await describeMachine(shop.postgresVersion),
    options: sizes,
    ...(reads && { reads }),
    ...(loads && { loads }),
    ...(exports && { exports }),
    marks: [...(reads ? readMarks(reads) : []), ...(loads ? loadMarks(loads) : []), ...(exports ? exportMarks(exports) : [])],
  };
  console.log(json ? JSON.stringify(report, undefined, 2) : textOf(report));
} finally {
  await shop.close();
}
