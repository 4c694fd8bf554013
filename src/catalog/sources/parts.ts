import { z } from 'zod';
import { durationText, msText, parseDuration, parseMs } from '../duration.js';
import { Name, Text } from '../field-spec.js';

/** The whole of a value is a secret of the server, named and not told. */
export const Secret = z.string().regex(/^\$\{HEADGATE_SECRET_[A-Z0-9_]+\}$/, {
  error: 'expected a reference to a secret of the server, such as ${HEADGATE_SECRET_CRM_TOKEN}, and nothing beside it: a secret has no place in a manifest',
});

/** A URL that holds a password, and so is a secret as a whole. */
export const SecretUrl = z.string().regex(/^\$\{HEADGATE_SECRET_[A-Z0-9_]+\}$/, {
  error:
    'expected a reference to a secret of the server, such as ${HEADGATE_SECRET_CRM_URL}, and nothing beside it: a URL holds a password, which has no place in a manifest',
});

/** A URL without a password, or a reference to one that may have one. */
export function plainUrl(schemes: readonly string[]) {
  const shown = schemes.map((scheme) => `${scheme}://`).join(' or ');
  return z.union([
    SecretUrl,
    z.string().refine((text) => isPlainUrl(text, schemes), {
      error: `expected a URL that begins with ${shown}, without a user, password or fragment in it; or a reference to a secret of the server that holds one: \${HEADGATE_SECRET_...}`,
    }),
  ]);
}

function isPlainUrl(text: string, schemes: readonly string[]): boolean {
  if (!URL.canParse(text) || text.includes('${')) return false;
  const url = new URL(text);
  return schemes.includes(url.protocol.slice(0, -1)) && url.username === '' && url.password === '' && url.hash === '' && url.hostname !== '';
}

/** A duration in its shortest form. */
export function durationUpTo(most: string) {
  const limit = parseDuration(most) ?? 0;
  return z
    .string()
    .refine((text) => (parseDuration(text) ?? Infinity) <= limit, { error: `expected a duration such as 2s, 30m or 7d, at most ${most}` })
    .transform((text) => durationText(parseDuration(text) ?? 0));
}

/** A duration that may be shorter than a second, in its shortest form. */
export function shortTimeUpTo(most: string) {
  const limit = parseMs(most) ?? 0;
  return z
    .string()
    .refine((text) => (parseMs(text) ?? Infinity) <= limit, { error: `expected a duration such as 200ms, 2s or 1m, at most ${most}` })
    .transform((text) => msText(parseMs(text) ?? 0));
}

/** What documents of all types of sources have. */
export const COMMON = {
  name: Name,
  description: Text.optional(),
  /** A request waits for it: longer than this nobody does. */
  timeout: durationUpTo('5m').optional(),
  /** Runs at a time that take from it, over all processes. */
  concurrency: z.int().min(1).max(100).optional(),
} as const;

/** Without a key whose value is what it is by default. */
export function withoutDefaults<T extends object>(spec: T, defaults: Partial<Record<keyof T, unknown>>): T {
  return Object.fromEntries(
    Object.entries(spec).filter(([key, value]) => value !== undefined && JSON.stringify(value) !== JSON.stringify(defaults[key as keyof T])),
  ) as T;
}
