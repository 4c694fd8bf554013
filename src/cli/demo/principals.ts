import { createToken } from '../../identity/index.js';
import type { KeyRing } from '../../store/index.js';

/** Who the demo's grants speak of, one of each. */
const PRINCIPALS = [
  { subject: 'admin', roles: ['admin'], purposes: [], claims: {}, may: 'everything on the control plane, no cell of data' },
  { subject: 'steward', roles: ['steward'], purposes: [], claims: {}, may: 'grants and purposes' },
  { subject: 'engineer', roles: ['engineer'], purposes: [], claims: {}, may: 'datasets, loads, quality, pipelines' },
  { subject: 'auditor', roles: ['auditor'], purposes: [], claims: {}, may: 'the record' },
  { subject: 'analyst', roles: ['analyst'], purposes: ['analytics', 'marketing'], claims: {}, may: 'all datasets, passengers masked' },
  { subject: 'agent', roles: ['agent'], purposes: ['support'], claims: { country: 'DE' }, may: 'passengers of their country (DE), plain but for the passport' },
  { subject: 'partner', roles: ['partner'], purposes: [], claims: {}, may: 'flights and airports' },
] as const;

const DAY_SECONDS = 86_400;

export interface DemoToken {
  readonly subject: string;
  readonly may: string;
  readonly token: string;
}

/** A token for each demo principal, good for a day. */
export async function demoTokens(keyRing: KeyRing): Promise<DemoToken[]> {
  return Promise.all(
    PRINCIPALS.map(async ({ may, ...principal }) => ({
      subject: principal.subject,
      may,
      token: (await createToken(keyRing, { ...principal, ttlSeconds: DAY_SECONDS })).token,
    })),
  );
}
