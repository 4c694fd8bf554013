import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rowOf, takes } from '../../../src/ingestion/events/event-row.js';
import { batchedEvents, binaryEvent, structuredEvent } from '../../../src/ingestion/events/cloud-events.js';
import { readEvent, writtenEvent } from '../../../src/ingestion/events/event.js';
import type { Headers } from '../../../src/ingestion/events/signature.js';

const headers = (given: Record<string, string | string[]>): Headers => Object.fromEntries(Object.entries(given).map(([name, value]) => [name, [value].flat()]));
const REQUIRED = {
  'ce-specversion': '1.0',
  'ce-id': 'A234-1234-1234',
  'ce-source': 'https://github.com/cloudevents/spec/pull',
  'ce-type': 'com.github.pull_request.opened',
};
const base = { specversion: '1.0', id: 'A234-1234-1234', source: 'https://github.com/cloudevents/spec/pull', type: 'com.github.pull_request.opened' };
const NOW = new Date('2026-03-01T00:00:00Z');

describe('the examples of the specification', () => {
  // https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#314-examples
  test('binary mode', () => {
    const event = binaryEvent(
      headers({ ...REQUIRED, 'ce-time': '2018-04-05T03:56:24Z', 'ce-mynumber': '42', 'content-type': 'application/json; charset=utf-8' }),
      Buffer.from('{"much":"wow"}'),
    );
    expect(event).toEqual({
      kind: 'json',
      data: '{"much":"wow"}',
      attributes: { ...base, time: '2018-04-05T03:56:24Z', mynumber: '42', datacontenttype: 'application/json; charset=utf-8' },
    });
  });

  // https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md#323-examples
  test('structured mode: XML as a text, bytes in base64, JSON, none at all', () => {
    const of = (more: object) =>
      structuredEvent(
        Buffer.from(
          JSON.stringify({
            ...base,
            subject: '123',
            time: '2018-04-05T17:31:00Z',
            comexampleextension1: 'value',
            comexampleothervalue: 5,
            unsetextension: null,
            ...more,
          }),
        ),
      );
    expect(of({ datacontenttype: 'text/xml', data: '<much wow="xml"/>' })).toMatchObject({
      kind: 'text',
      data: '<much wow="xml"/>',
      attributes: { comexampleothervalue: 5 },
    });
    expect(of({ datacontenttype: 'application/vnd.apache.thrift.binary', data_base64: 'AAEC' })).toMatchObject({ kind: 'binary', data: 'AAEC' });
    expect(of({ datacontenttype: 'application/json', data: { appinfoA: 'abc', appinfoC: true } })).toMatchObject({
      kind: 'json',
      data: '{"appinfoA":"abc","appinfoC":true}',
    });
    expect(of({ data_base64: Buffer.from('{"a": 1}').toString('base64') })).toMatchObject({ kind: 'json', data: '{"a": 1}' });
    expect(of({})).toMatchObject({ kind: 'none' });
    expect(of({}).attributes).not.toHaveProperty('unsetextension');
  });

  test('batches, also an empty one', () => {
    expect(batchedEvents(Buffer.from(JSON.stringify([base, { ...base, id: 'B', data: [1] }]))).map(({ attributes }) => attributes['id'])).toEqual([
      'A234-1234-1234',
      'B',
    ]);
    expect(batchedEvents(Buffer.from(' [ ] '))).toEqual([]);
  });

  test.each([
    ['Euro%20%E2%82%AC%20%F0%9F%98%80', 'Euro € 😀'],
    ['"a \\"quoted\\" %22value%22"', 'a "quoted" "value"'],
    ['100%25', '100%'],
    ['a%252Fb', 'a%2Fb'],
    [Buffer.from('grün').toString('latin1'), 'grün'],
  ])('the header %s is %s', (value, expected) => {
    expect(binaryEvent(headers({ ...REQUIRED, 'ce-subject': value }), Buffer.alloc(0)).attributes['subject']).toBe(expected);
  });
});

describe('what the specification does not allow is refused by the name of the attribute', () => {
  test.each([
    [{ id: undefined }, 'id'],
    [{ id: '' }, 'id'],
    [{ id: 7 }, 'id'],
    [{ source: undefined }, 'source'],
    [{ source: 'with a blank' }, 'source'],
    [{ type: '' }, 'type'],
    [{ specversion: '0.3' }, 'specversion'],
    [{ specversion: undefined }, 'specversion'],
    [{ time: 'yesterday' }, 'time'],
    [{ time: '2018-04-05 17:31:00Z' }, 'time'],
    [{ time: '2018-13-05T17:31:00Z' }, 'time'],
    [{ subject: '' }, 'subject'],
    [{ dataschema: '/relative' }, 'dataschema'],
    [{ datacontenttype: 'json' }, 'datacontenttype'],
    [{ Upper: 'x' }, 'attributes'],
    [{ extension: 1.5 }, 'extension'],
    [{ extension: 2 ** 31 }, 'extension'],
    [{ extension: {} }, 'extension'],
    [{ extension: 'control\u0007' }, 'extension'],
    [{ extension: '\ud800' }, 'extension'],
    [{ data: 1, data_base64: 'AA==' }, 'data_base64'],
    [{ data_base64: 'not base64!', datacontenttype: 'a/b' }, 'data_base64'],
  ])('%j', (change, path) => {
    expect(() => structuredEvent(Buffer.from(JSON.stringify({ ...base, ...change })))).toThrow(
      expect.objectContaining({ code: 'BAD_USER_INPUT', details: { path } }) as Error,
    );
  });

  test.each([
    [{ 'ce-id': ['1', '2'] }, 'id'],
    [{ 'ce-subject': '%zz' }, 'subject'],
    [{ 'ce-subject': '%ff' }, 'subject'],
    [{ 'ce-datacontenttype': 'a/b' }, 'datacontenttype'],
    [{ 'ce-data': 'x' }, 'data'],
    [{ 'ce-__proto__': 'x' }, 'attributes'],
  ])('headers %j', (change, path) => {
    expect(() => binaryEvent(headers({ ...REQUIRED, ...change }), Buffer.alloc(0))).toThrow(
      expect.objectContaining({ code: 'BAD_USER_INPUT', details: { path } }) as Error,
    );
  });
});

describe('rows', () => {
  const event = structuredEvent(
    Buffer.from(
      JSON.stringify({ ...base, subject: 'order 1' }).replace(
        '}',
        ',"data":{"total":1.50,"big":12345678901234567890,"a/b":{"~":[{"x":null},"y"]},"__proto__":{"id":"z"}}}',
      ),
    ),
  );

  test('come from attributes and places in the data, as they are written', () => {
    const part = {
      fields: {
        id: '$id',
        at: '$receivedAt',
        total: '/total',
        big: '/big',
        deep: '/a~1b/~0/1',
        gone: '/nothing/here',
        proto: '/__proto__/id',
        inherited: '/constructor',
        unset: '$extension',
        whole: '',
      },
    };
    expect(rowOf(part, event, NOW)).toBe(
      `{"id":"A234-1234-1234","at":"2026-03-01T00:00:00.000Z","total":1.50,"big":12345678901234567890,"deep":"y","proto":"z","whole":${event.data}}`,
    );
  });

  test('are the data where nothing else is said, or beside what is', () => {
    expect(rowOf({}, event, NOW)).toBe(event.data);
    expect(rowOf({ fields: { total: '$subject' }, rest: true }, event, NOW)).toMatch(/^\{"total":"order 1","big":12345678901234567890,"a\/b":/);
  });

  test('are of the types that are taken', () => {
    for (const [types, taken] of [
      [['com.github.*'], true],
      [['com.github.pull_request.opened'], true],
      [['com.github'], false],
      [['*'], true],
      [['x', 'y*'], false],
    ] as const)
      expect(takes({ types: [...types] }, event)).toBe(taken);
  });

  test('law: what is kept is what came, whatever JSON it is', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), (data, extension) => {
        const body = JSON.stringify({ ...base, extension }).replace(/\}$/, () => `,"data":${data}}`);
        let received;
        try {
          received = structuredEvent(Buffer.from(body));
        } catch (error) {
          expect(error).toMatchObject({ code: 'BAD_USER_INPUT' });
          return;
        }
        expect(readEvent(writtenEvent(received))).toEqual(received);
        expect(JSON.parse(received.data)).toEqual(JSON.parse(data));
        expect(received.data).not.toMatch(/[\r\n]/);
      }),
    );
  });
});
