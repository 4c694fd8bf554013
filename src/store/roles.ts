import pg from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import { HeadgateError } from '../kernel/index.js';
import { withClient } from './client.js';
import type { Connection } from './connection.js';

const ROLES = ['headgate_reader', 'headgate_pipeline'] as const;

/** PostgreSQL's words for: another session changed the same row of the catalog just now. */
const MET_ANOTHER = new Set(['XX000', '23505', '42710', '40001']);
const ATTEMPTS = 20;

/**
 * Roles belong to the server, not to the database, so they are made here and not in a migration. Neither can log in;
 * sessions take them on at their start: `headgate_reader` reads data, `headgate_pipeline` reads data and writes to the
 * schema `work` only.
 * @throws HeadgateError UNAVAILABLE with the statements to run, when our user may not make them.
 */
export async function ensureRoles(connection: Connection): Promise<void> {
  await withClient(connection, async (client) => {
    for (const role of ROLES) {
      try {
        await ensureRole(client, role);
      } catch (cause) {
        const { rows } = await client.query<{ name: string }>('SELECT quote_ident(current_user) AS name');
        const user = rows[0]?.name ?? '<the user of DATABASE_URL>';
        throw new HeadgateError(
          'UNAVAILABLE',
          `The database's user ${user} can't create the role ${role}, or take it on. As a superuser run: ` +
            ROLES.map((name) => `CREATE ROLE ${name} NOLOGIN; GRANT ${name} TO ${user};`).join(' '),
          { role, user },
          { cause },
        );
      }
    }
  });
}

async function ensureRole(client: pg.Client, role: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const { rows } = await client.query<{ usable: boolean | null }>(
        "SELECT (SELECT pg_has_role(current_user, oid, 'SET') FROM pg_roles WHERE rolname = $1) AS usable",
        [role],
      );
      if (rows[0]?.usable) return;
      if (rows[0]?.usable === null) await client.query(`CREATE ROLE ${pg.escapeIdentifier(role)} NOLOGIN`);
      await client.query(`GRANT ${pg.escapeIdentifier(role)} TO CURRENT_USER`);
    } catch (error) {
      // Several processes may start at once on one server, in as many databases, where no lock of ours reaches.
      const met = error instanceof pg.DatabaseError && MET_ANOTHER.has(error.code ?? '');
      if (!met || attempt === ATTEMPTS) throw error;
      await delay(25);
    }
  }
}
