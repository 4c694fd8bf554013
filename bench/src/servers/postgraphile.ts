import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PgAggregatesPreset } from '@graphile/pg-aggregates';
import { postgraphile } from 'postgraphile';
import { makePgService } from 'postgraphile/adaptors/pg';
import { grafserv } from 'postgraphile/grafserv/node';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';
import { jsonPgSmartTags } from 'postgraphile/utils';
import { serveFor } from './child.ts';

const connectionString = process.env['DATABASE_URL'];
if (connectionString === undefined) throw new Error('DATABASE_URL is missing');

// Headgate's tables have no foreign keys, so PostGraphile is told of the relation as its manual says; and that it may group by
// a column that no index begins with.
const tags = jsonPgSmartTags({
  version: 1,
  config: {
    class: {
      'data.orders': { tags: { foreignKey: '(customer_id) references data.customers (id)' } },
      'data.customers': { attribute: { city: { tags: { behavior: '+orderBy' } } } },
    },
  },
});

const pgl = postgraphile({
  extends: [PostGraphileAmberPreset, PgAggregatesPreset],
  plugins: [tags],
  pgServices: [makePgService({ connectionString, schemas: ['data'], poolConfig: { max: 20 } })],
  grafserv: { watch: false, graphiql: false },
  grafast: { explain: false },
});
const serv = pgl.createServ(grafserv);
const server = createServer();
await serv.addTo(server);
server.listen(0, '127.0.0.1');
await once(server, 'listening');
serveFor(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, async () => {
  server.close();
  server.closeAllConnections();
  await pgl.release();
});
