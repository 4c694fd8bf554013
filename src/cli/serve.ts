import { Option, type Command } from 'commander';
import type { App } from '../app.js';
import { loadConfig, processRoles, type Config } from '../config/index.js';
import { createToken } from '../identity/index.js';
import { HeadgateError } from '../kernel/index.js';
import { Client } from './client.js';
import { loadDemo } from './demo/load.js';
import { demoTokens, type DemoToken } from './demo/principals.js';
import { EXIT } from './output.js';
import { removeServerFile, writeServerFile } from './server-file.js';

interface ServeOptions {
  readonly demo?: boolean;
  readonly host?: string;
  readonly port?: string;
  readonly roles?: string;
  readonly trustedDocuments?: string;
  readonly json?: boolean;
}

export function serveCommand(program: Command): void {
  program
    .command('serve')
    .summary('run the server')
    .description('Runs the server until Ctrl-C or SIGTERM; a second one ends it at once.')
    .option('--demo', 'load the demo data once, and print a bearer token for each of its principals')
    .option('--host <host>', 'address to listen on (HOST)')
    .option('--port <port>', 'port to listen on; 0 for any that is free (PORT)')
    .addOption(new Option('--roles <roles>', 'gateway answers HTTP, worker runs queued work (HEADGATE_ROLES)'))
    .option(
      '--trusted-documents <folder>',
      'execute only the documents in it: manifests of codegen, Relay or Apollo, and *.graphql (HEADGATE_TRUSTED_DOCUMENTS)',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  headgate serve --demo\n  headgate serve --host 0.0.0.0 --port 8080\n  DATABASE_URL=postgres://... headgate serve --roles worker',
    )
    .action(async (_options: unknown, command: Command) => {
      const options: ServeOptions = command.optsWithGlobals();
      const config = configOf(options);
      const stopped = stopSignal();
      const { startApp } = await import('../app.js');
      const app = await startApp(config);
      try {
        if (app.url !== undefined) await writeServerFile(config.home, { url: app.url, pid: process.pid });
        const tokens = options.demo ? await prepareDemo(app, stopped) : [];
        if (!stopped.aborted) announce(app, config, options, tokens);
        await aborted(stopped);
        if (!options.json) console.error('Stopping.');
      } finally {
        await removeServerFile(config.home);
        await app.close();
      }
    });
}

function configOf(options: ServeOptions): Config {
  // The same checks and the same words as for the variables.
  const flags = { HOST: options.host, PORT: options.port, HEADGATE_TRUSTED_DOCUMENTS: options.trustedDocuments };
  if (options.trustedDocuments === '') throw new HeadgateError('BAD_USER_INPUT', '--trusted-documents: expected a folder, got an empty text.');
  const config = loadConfig({ ...process.env, ...Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined)) });
  const roles = options.roles === undefined ? config.roles : processRoles(options.roles, '--roles');
  if (options.demo && config.identityProvider) {
    throw new HeadgateError(
      'CONFLICT',
      '--demo prints tokens signed with the local key, which an identity provider makes unusable. Unset HEADGATE_JWKS_URL, HEADGATE_JWT_ISSUER and HEADGATE_JWT_AUDIENCE, or leave --demo out.',
    );
  }
  if (options.demo && !(roles.includes('gateway') && roles.includes('worker'))) {
    throw new HeadgateError('BAD_USER_INPUT', '--demo needs both roles, gateway and worker: leave --roles out.');
  }
  if (options.demo && config.trustedDocumentsDir !== undefined) {
    throw new HeadgateError(
      'CONFLICT',
      '--demo asks for more than trusted documents while it loads its data. Start it once without them (--trusted-documents, HEADGATE_TRUSTED_DOCUMENTS), and then with them and without --demo.',
    );
  }
  return { ...config, roles };
}

async function prepareDemo(app: App, stopped: AbortSignal): Promise<DemoToken[]> {
  const { token } = await createToken(app.keyRing, { subject: 'demo', roles: ['admin'], ttlSeconds: 600 });
  try {
    await loadDemo(new Client(app.url ?? '', token), (line) => console.error(line));
  } catch (error) {
    // Stopped while it loaded: the next start goes on where this one ended.
    if (!stopped.aborted) throw error;
  }
  return demoTokens(app.keyRing);
}

function announce({ url }: App, config: Config, { demo, json }: ServeOptions, tokens: readonly DemoToken[]): void {
  if (json)
    return console.log(
      JSON.stringify({
        url: url ?? null,
        home: config.home,
        roles: config.roles,
        tokens: Object.fromEntries(tokens.map(({ subject, token }) => [subject, token])),
      }),
    );
  if (!config.identityProvider && !demo) {
    console.error(
      'Warning: tokens are signed with the local key in HEADGATE_HOME. For production set HEADGATE_JWKS_URL, HEADGATE_JWT_ISSUER and HEADGATE_JWT_AUDIENCE.',
    );
  }
  const database = config.databaseUrl === undefined ? 'embedded PostgreSQL' : 'PostgreSQL of DATABASE_URL';
  console.log(`Headgate is ready${url === undefined ? ' (worker)' : ` at ${url}`}`);
  if (url !== undefined) console.log(`  GraphQL   ${url}/graphql (GraphiQL in a browser)`);
  console.log(`  Home      ${config.home} (${database})`);
  if (tokens.length === 0) return;
  console.log('  Bearer tokens, good for a day:');
  for (const { subject, may, token } of tokens) console.log(`  ${subject.padEnd(9)} ${token}  # ${may}`);
}

/** A terminal and npm both pass Ctrl-C on, so that one comes twice at once; only a later one means: do not wait. */
const SAME_PRESS_MS = 1_000;

/** Aborts at the first Ctrl-C or SIGTERM. The second one does not wait: the next start mends what is left. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  let first = 0;
  const stop = () => {
    if (!controller.signal.aborted) first = Date.now();
    else if (Date.now() - first > SAME_PRESS_MS) process.exit(EXIT.failed);
    controller.abort();
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  return controller.signal;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    // A signal alone keeps no process alive; without the gateway nothing else may.
    const alive = setInterval(() => undefined, 60_000);
    signal.addEventListener('abort', () => {
      clearInterval(alive);
      resolve();
    });
  });
}
