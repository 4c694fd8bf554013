import { ControlSchema1700000000001 } from './0001-control-schema.js';

/** In order; append only: a migration that was released is never changed. */
export const migrations = [ControlSchema1700000000001] as const;
