import type { Dataset } from '../../catalog/index.js';
import { HeadgateError } from '../../kernel/index.js';

/**
 * What one request adds to a plan: the values, by slot, and the shape that everything else has. Requests of one shape
 * share one statement.
 */
export class RequestShape {
  readonly values: unknown[] = [];
  /** Regular expressions among the values. */
  readonly patterns: string[] = [];
  /** Every dataset that the request touches: whether it may is part of the plan. */
  readonly datasets = new Set<Dataset>();
  readonly #parts: string[] = [];

  /** Takes a value that stays out of the statement's text. */
  slot(value: unknown): number {
    refuseNul(value);
    this.#parts.push('?');
    return this.values.push(value) - 1;
  }

  /** Notes something that is part of the statement's text. */
  note(part: string): void {
    this.#parts.push(part);
  }

  get text(): string {
    return this.#parts.join(' ');
  }
}

/** PostgreSQL's text holds every character but NUL. */
export function holdsNul(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\0');
  return Array.isArray(value) && value.some(holdsNul);
}

function refuseNul(value: unknown): void {
  if (holdsNul(value)) throw new HeadgateError('BAD_USER_INPUT', 'A text with a NUL character matches nothing that can be stored; leave it out.');
}
