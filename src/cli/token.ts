import type { Command } from 'commander';
import { loadConfig } from '../config/index.js';
import { createToken, parseTtl } from '../identity/index.js';
import { HeadgateError } from '../kernel/index.js';
import { KeyRing } from '../store/index.js';
import { print } from './output.js';

interface TokenOptions {
  readonly sub: string;
  readonly roles: string;
  readonly claim: readonly string[];
  readonly purpose: readonly string[];
  readonly ttl: string;
  readonly json?: boolean;
}

const gather = (value: string, before: readonly string[]): string[] => [...before, value];

export function tokenCommand(program: Command): void {
  const token = program.command('token').summary('make bearer tokens').description('Makes bearer tokens with the local key.');
  token
    .command('create')
    .description('Makes a bearer token and prints it. Only where a local signing key is in use: with an identity provider, tokens come from there.')
    .requiredOption('--sub <name>', 'the subject: who it is for')
    .option('--roles <roles>', 'with commas between them', '')
    .option('--claim <name=value>', 'a claim that row filters can read; JSON is read as such; may be repeated', gather, [])
    .option('--purpose <name>', 'a purpose that it may declare in X-Purpose; may be repeated', gather, [])
    .option('--ttl <time>', 'how long it lives: 90s, 30m, 1h, 7d', '1h')
    .addHelpText(
      'after',
      '\nExamples:\n  headgate token create --sub alice --roles analyst\n  headgate token create --sub bob --roles agent --claim country=DE --purpose support --ttl 8h',
    )
    .action(async (_options: unknown, command: Command) => {
      const options: TokenOptions = command.optsWithGlobals();
      const config = loadConfig(process.env);
      if (config.identityProvider) {
        throw new HeadgateError(
          'CONFLICT',
          `An identity provider is configured (HEADGATE_JWKS_URL): tokens come from there, and one signed with the local key would be refused.`,
        );
      }
      const keyRing = await KeyRing.open(config.home, config.masterKeys);
      const roles = options.roles
        .split(',')
        .map((role) => role.trim())
        .filter(Boolean);
      const made = await createToken(keyRing, {
        subject: options.sub,
        roles,
        purposes: options.purpose,
        claims: Object.fromEntries(options.claim.map(readClaim)),
        ttlSeconds: parseTtl(options.ttl),
      });
      print({ token: made.token, id: made.id, expiresAt: made.expiresAt.toISOString() }, options.json, () => [made.token]);
    });
}

function readClaim(text: string): [string, unknown] {
  const at = text.indexOf('=');
  if (at < 1) throw new HeadgateError('BAD_USER_INPUT', `--claim: expected name=value, got "${text}".`, { path: 'claim' });
  const value = text.slice(at + 1);
  try {
    return [text.slice(0, at), JSON.parse(value)];
  } catch {
    return [text.slice(0, at), value];
  }
}
