import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { loadConfig, type Config } from '../config/index.js';
import { createToken } from '../identity/index.js';
import { HeadgateError } from '../kernel/index.js';
import { HomeLock, KeyRing } from '../store/index.js';
import { Client } from './client.js';
import { readServerFile } from './server-file.js';

/** Options of every command that asks or changes something. */
export interface ServerOptions {
  readonly url?: string;
  readonly token?: string;
  /** Roles of the token that is made when none is given; `admin` when absent. */
  readonly as?: readonly string[];
  /** Whether the command may be the first on HEADGATE_HOME, and make it. */
  readonly mayBegin?: boolean;
}

const TOKEN_SECONDS = 3600;

/**
 * Runs `work` with a Headgate: the one of `--url`, the one that runs on HEADGATE_HOME, or one that is started on it for
 * this moment and answers this process alone (`own`: what it has not done when `work` ends waits for the next one).
 * @throws HeadgateError as `startApp`; NOT_FOUND when there is neither a server nor a home; UNAVAILABLE when the server can't be reached; UNAUTHENTICATED when it needs a token.
 */
export async function withServer<T>(options: ServerOptions, work: (client: Client, kind: { readonly own: boolean }) => Promise<T>): Promise<T> {
  const token = options.token ?? process.env['HEADGATE_TOKEN'];
  if (options.url !== undefined) return work(new Client(checkUrl(options.url), token), { own: false });
  const config = loadConfig(process.env);
  const running = await runningServer(config.home);
  if (running !== undefined) return work(new Client(running, token ?? (await localToken(config, options.as))), { own: false });

  if (!options.mayBegin) checkHome(config);

  // Its own port on this machine, the local key, no role of the outside world: whoever can open the store may do all.
  const { identityProvider: _provider, tls: _tls, trustedDocumentsDir: _documents, ...rest } = config;
  const own: Config = { ...rest, host: '127.0.0.1', port: 0, roles: ['gateway', 'worker'], corsOrigins: [] };
  // Loaded only here: most commands talk to a server, and should not wait for all that makes one.
  const { startApp } = await import('../app.js');
  const app = await startApp(own);
  const stop = (signal: NodeJS.Signals) => void app.close().finally(() => process.exit(signal === 'SIGINT' ? 130 : 143));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    return await work(new Client(app.url ?? '', token ?? (await tokenFor(app.keyRing, options.as))), { own: true });
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await app.close();
  }
}

/**
 * The address of the server that has this home, if any answers. A file that a killed server left names a port that
 * nobody, or somebody else, has by now.
 * @throws HeadgateError UNAVAILABLE when it is there and can't be reached: its certificate is not trusted, say.
 */
async function runningServer(home: string): Promise<string | undefined> {
  const server = await readServerFile(home);
  if (!server) return undefined;
  try {
    const { status } = await new Client(server.url, undefined).json<{ status: string }>('/healthz');
    return status === 'ok' ? server.url : undefined;
  } catch (error) {
    if ((await HomeLock.holder(home)) === server.pid) throw error;
    return undefined;
  }
}

async function localToken(config: Config, roles: readonly string[] | undefined): Promise<string> {
  if (config.identityProvider) {
    throw new HeadgateError('UNAUTHENTICATED', 'The running server takes tokens of the identity provider only. Give one with --token or HEADGATE_TOKEN.');
  }
  return tokenFor(await KeyRing.open(config.home, config.masterKeys), roles);
}

async function tokenFor(keyRing: KeyRing, roles: readonly string[] = ['admin']): Promise<string> {
  const { token } = await createToken(keyRing, { subject: `cli:${userInfo().username}`, roles, ttlSeconds: TOKEN_SECONDS });
  return token;
}

/**
 * A command that was started in a wrong folder must not make a new installation there, with a key of its own.
 * @throws HeadgateError NOT_FOUND
 */
export function checkHome({ home, databaseUrl }: Pick<Config, 'home' | 'databaseUrl'>): void {
  if (databaseUrl !== undefined || existsSync(home)) return;
  throw new HeadgateError(
    'NOT_FOUND',
    `There is no Headgate in ${home}. Run the command in the folder where the server was started, set HEADGATE_HOME, or name a server with --url; "headgate serve" and "headgate apply" make a new one.`,
    { home },
  );
}

function checkUrl(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return text;
  throw new HeadgateError('BAD_USER_INPUT', `--url: expected an http:// or https:// address, got "${text}".`, { path: 'url' });
}
