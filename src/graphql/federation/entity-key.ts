import type { Dataset } from '../../catalog/index.js';
import { SCALARS } from '../dataplane/filter-types.js';
import { holdsNul } from '../dataplane/request-shape.js';
import { keyFields } from '../dataplane/types.js';
import { badRepresentation, type Reference } from './representations.js';

/**
 * The values of the key that a representation gives, in the key's order. What else it holds has no influence.
 * @throws HeadgateError BAD_USER_INPUT when one is missing or is not of its field's scalar.
 */
export function keyValues(dataset: Dataset, { index, fields }: Reference): unknown[] {
  return keyFields(dataset).map(({ graphqlName, type }) => {
    const scalar = SCALARS[type];
    const given = Object.hasOwn(fields, graphqlName) ? fields[graphqlName] : undefined;
    if (given === undefined || given === null) throw badRepresentation(index, `${graphqlName} is missing; it is part of the key.`);
    try {
      const value: unknown = scalar.parseValue(given);
      if (!holdsNul(value)) return value;
    } catch {
      // Its own words hold the value.
    }
    throw badRepresentation(index, `${graphqlName} is not a value of the type ${scalar.name}.`);
  });
}
