import { z } from 'zod';

/** After so many pages something is wrong, unless the document says otherwise. */
export const DEFAULT_MOST_PAGES = 10_000;

export const MostPages = z.int().min(1).max(100_000).optional();
