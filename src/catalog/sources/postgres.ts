import { z } from 'zod';
import { COMMON, SecretUrl } from './parts.js';

export const DEFAULT_POOL = 5;

/** Another PostgreSQL. */
export const PostgresSource = z.strictObject({
  ...COMMON,
  type: z.literal('postgres'),
  url: SecretUrl,
  pool: z.int().min(1).max(100).optional(),
});
