import { errors } from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import { natsError } from '../../src/ingestion/collectors/streams/nats-connection.js';

test('a server that is too old for several subjects is told from one that is away', () => {
  const old = natsError(errors.InvalidArgumentError.format('filter_subjects', 'requires server 2.10.0'), 'broker');
  expect(old).toMatchObject({
    code: 'UNAVAILABLE',
    message: "The source broker is an older NATS than 2.10, which can't tell several subjects apart. Name one, or none.",
  });
  expect(natsError(new errors.TimeoutError(), 'broker').message).toContain('can not be reached');
});
