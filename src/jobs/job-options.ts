/** Jobs of which only so many may run at once, in all processes together. */
export interface JobGroup {
  readonly id: string;
  /** From 1 to 64. */
  readonly limit: number;
}

export interface JobOptions {
  /** The highest is taken first; 0 when it is not said. */
  readonly priority?: number | undefined;
  /** It is handed out then, and not before. */
  readonly startAfter?: Date | undefined;
  readonly group?: JobGroup | undefined;
}

/** The largest limit of a group. */
export const LARGEST_GROUP = 64;

/** pg-boss knows limits by the tier of a group: here a tier is named for its limit, so that each group can have its own. */
export function toSend({ priority, startAfter, group }: JobOptions): { priority?: number; startAfter?: Date; group?: { id: string; tier: string } } {
  return {
    ...(priority !== undefined && { priority }),
    ...(startAfter !== undefined && { startAfter }),
    ...(group && { group: { id: group.id, tier: String(group.limit) } }),
  };
}

export const GROUP_CONCURRENCY = {
  default: 1,
  tiers: Object.fromEntries(Array.from({ length: LARGEST_GROUP }, (_, i) => [String(i + 1), i + 1])),
};
