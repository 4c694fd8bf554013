import { ANONYMOUS, type Principal } from '../../src/identity/index.js';

const someone = { purposes: [], claims: {}, anonymous: false } as const;

/** Who asks in the cases; the grants of fixture/2-grants.yaml say what each sees. */
export const PRINCIPALS = {
  anonymous: ANONYMOUS,
  /** A credential, and no grant but those of everyone. */
  partner: { ...someone, subject: 'partner', roles: ['partner'] },
  /** One country, plain. */
  agent: { ...someone, subject: 'agent', roles: ['agent'], claims: { country: 'DE' } },
  /** The same role with a token that says nothing of a country. */
  'agent-without-country': { ...someone, subject: 'agent-without-country', roles: ['agent'] },
  /** All rows, masked. */
  analyst: { ...someone, subject: 'analyst', roles: ['analyst'] },
  /** Three overlapping grants. */
  desk: { ...someone, subject: 'desk', roles: ['desk'] },
  /** Made-up names, tokens, and an expression over the row. */
  helpdesk: { ...someone, subject: 'helpdesk', roles: ['helpdesk'] },
  /** Holds a purpose, and declares it. */
  researcher: { ...someone, subject: 'researcher', roles: ['researcher'], purposes: ['research'], purpose: 'research' },
  /** Holds it and declares none. */
  'researcher-without-purpose': { ...someone, subject: 'researcher', roles: ['researcher'], purposes: ['research'] },
  /** Declares another one that they hold. */
  'researcher-billing': { ...someone, subject: 'researcher', roles: ['researcher'], purposes: ['billing'], purpose: 'billing' },
  /** Declares a purpose that people must have agreed to. */
  promoter: { ...someone, subject: 'promoter', roles: ['promoter'], purposes: ['marketing', 'billing', 'made-up'], purpose: 'marketing' },
  /** Declares one that needs nobody's consent. */
  'promoter-billing': { ...someone, subject: 'promoter', roles: ['promoter'], purposes: ['marketing', 'billing', 'made-up'], purpose: 'billing' },
  'promoter-without-purpose': { ...someone, subject: 'promoter', roles: ['promoter'], purposes: ['marketing', 'billing', 'made-up'] },
  /** Declares one that stands in no manifest. */
  'promoter-made-up': { ...someone, subject: 'promoter', roles: ['promoter'], purposes: ['marketing', 'billing', 'made-up'], purpose: 'made-up' },
  /** Holds no purpose at all. */
  'promoter-of-none': { ...someone, subject: 'promoter', roles: ['promoter'] },
  /** Numbers over many customers, and no customer. */
  planner: { ...someone, subject: 'planner', roles: ['planner'] },
  /** Knows the secret names, and sees what is behind them. */
  investigator: { ...someone, subject: 'investigator', roles: ['investigator'] },
  /** Knows all names, sees no cell. */
  engineer: { ...someone, subject: 'engineer', roles: ['engineer'] },
} as const satisfies Readonly<Record<string, Principal>>;
