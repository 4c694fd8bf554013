import type { SourceType } from '../source-spec.js';

/** How datasets say where their rows are, by the type of the source; the other types are for collectors alone. */
export const PLACES: Readonly<Partial<Record<SourceType, 'table' | 'http' | 'graphql'>>> = { postgres: 'table', http: 'http', graphql: 'graphql' };
