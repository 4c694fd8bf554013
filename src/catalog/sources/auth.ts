import { z } from 'zod';
import { Secret } from './parts.js';

const User = z.string().min(1).max(1_000);

/** A user and their password. */
export const Basic = z.strictObject({ user: User, password: Secret });

/** How Headgate says who it is to a source: in one of these ways, under its name. */
export function authBy<Ways extends z.ZodRawShape>(ways: Ways) {
  const names = Object.keys(ways);
  const shape = z.strictObject(ways).partial();
  const told = names.length === 1 ? `${names[0]}` : `exactly one of ${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
  return shape.refine((auth) => Object.values(auth).filter((value) => value !== undefined).length === 1, { error: `expected ${told}` });
}
