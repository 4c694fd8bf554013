import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SourceSpec, type EventsSourceSpec } from '../../../src/catalog/index.js';
import { SignatureCheck, type Headers } from '../../../src/ingestion/events/signature.js';

const NOW = 1_614_265_330_000;

function check(signature: Record<string, unknown>, ...secrets: string[]): SignatureCheck {
  const spec = SourceSpec.parse({ name: 's', type: 'events', signature: { secrets: secrets.map((_, i) => `\${HEADGATE_SECRET_${i}}`), ...signature } });
  return new SignatureCheck((spec as EventsSourceSpec).signature ?? { secrets: [] }, secrets);
}

const headers = (given: Record<string, string>): Headers => Object.fromEntries(Object.entries(given).map(([name, value]) => [name, [value]]));
const hmac = (algorithm: string, secret: string, ...parts: (string | Buffer)[]) =>
  parts.reduce((h, part) => h.update(part), createHmac(algorithm, secret)).digest('hex');

describe('what senders publish as examples of their signatures is right', () => {
  test('GitHub', () => {
    const signature = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';
    const github = check({ preset: 'github' }, "It's a Secret to Everybody");
    expect(github.verify(headers({ 'x-hub-signature-256': signature }), Buffer.from('Hello, World!'))).toHaveProperty('signed');
    expect(github.verify(headers({ 'x-hub-signature-256': signature }), Buffer.from('Hello, World?'))).toEqual({ refused: 'signature' });
  });

  test('Standard Webhooks', () => {
    const standard = check({ preset: 'standard-webhooks' }, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    const given = headers({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1a,AAAA v1,AAAA',
    });
    const body = Buffer.from('{"test": 2432232314}');
    expect(standard.verify(given, body, NOW)).toMatchObject({ signed: { covers: { id: true, timestamp: true } } });
    expect(standard.verify({ ...given, 'webhook-id': ['msg_other'] }, body, NOW)).toEqual({ refused: 'signature' });
    expect(standard.verify(given, body, NOW + 301_000)).toEqual({ refused: 'replay' });
    expect(standard.verify(given, body, NOW - 301_000)).toEqual({ refused: 'replay' });
  });

  test('Stripe, with signatures of two secrets and of another scheme', () => {
    const stripe = check({ preset: 'stripe' }, 'whsec_new', 'whsec_old');
    const body = Buffer.from('{"id":"evt_1"}');
    const of = (secret: string) => hmac('sha256', secret, '1614265330.', body);
    const header = (...parts: string[]) => headers({ 'stripe-signature': ['t=1614265330', ...parts].join(',') });
    expect(stripe.verify(header(`v1=${of('whsec_other')}`, `v1=${of('whsec_old')}`, 'v0=00'), body, NOW)).toHaveProperty('signed');
    expect(stripe.verify(header(`v0=${of('whsec_old')}`), body, NOW)).toEqual({ refused: 'signature' });
    expect(stripe.verify(headers({ 'stripe-signature': `t=1614265330,t=1614265331,v1=${of('whsec_old')}` }), body, NOW)).toEqual({ refused: 'signature' });
    expect(stripe.verify(headers({ 'stripe-signature': `t=1614265331,v1=${of('whsec_old')}` }), body, NOW)).toEqual({ refused: 'signature' });
  });

  test('Shopify: base64 of the body', () => {
    const body = Buffer.from('{"id":1}');
    const signature = createHmac('sha256', 'hush').update(body).digest('base64');
    expect(check({ preset: 'shopify' }, 'hush').verify(headers({ 'x-shopify-hmac-sha256': signature }), body)).toHaveProperty('signed');
  });
});

describe('a signature is right for one text, one algorithm and one header alone', () => {
  const body = Buffer.from('{"a":1}');
  const time = String(NOW / 1000);
  const generic = check({}, 'one', 'two');
  const signed = (secret: string, extra: Record<string, string> = {}, head = '', content = body) =>
    headers({ 'x-timestamp': time, 'x-signature': `sha256=${hmac('sha256', secret, `${time}.${head}`, content)}`, ...extra });

  test('each of the secrets is accepted, so that one can take the place of the other', () => {
    for (const secret of ['one', 'two']) expect(generic.verify(signed(secret), body, NOW)).toHaveProperty('signed');
    expect(generic.verify(signed('three'), body, NOW)).toEqual({ refused: 'signature' });
    expect(new SignatureCheck({ secrets: [] }, []).verify(signed(''), body, NOW)).toEqual({ refused: 'signature' });
  });

  test('the request does not choose the algorithm', () => {
    for (const algorithm of ['sha1', 'sha512', 'md5', 'sha384']) {
      const text = hmac(algorithm, 'one', `${time}.`, body);
      for (const prefix of [algorithm, 'sha256'])
        expect(generic.verify({ ...signed('one'), 'x-signature': [`${prefix}=${text}`] }, body, NOW)).toEqual({ refused: 'signature' });
    }
    expect(
      check({ algorithm: 'sha512' }, 'one').verify({ ...signed('one'), 'x-signature': [`sha512=${hmac('sha512', 'one', `${time}.`, body)}`] }, body, NOW),
    ).toHaveProperty('signed');
  });

  test.each([
    ['none', []],
    ['an empty one', ['']],
    ['the prefix alone', ['sha256=']],
    ['it twice', [signed('one')['x-signature']?.[0] ?? '', 'sha256=00']],
    ['two in one', [`${signed('one')['x-signature']?.[0]}, ${signed('one')['x-signature']?.[0]}`]],
    ['a part of it', [signed('one')['x-signature']?.[0]?.slice(0, -2) ?? '']],
    ['it with something behind', [`${signed('one')['x-signature']?.[0]}00`]],
    ['it in capital letters with blanks', [` ${signed('one')['x-signature']?.[0]}`]],
  ])('%s is refused', (_, values) => {
    expect(generic.verify({ ...signed('one'), 'x-signature': values }, body, NOW)).toEqual({ refused: 'signature' });
  });

  test('headers of a CloudEvent are signed, each of them', () => {
    const ce = { 'ce-id': '1', 'ce-specversion': '1.0', 'ce-type': 'paid' };
    const given = signed('one', ce, 'ce-id:1\nce-specversion:1.0\nce-type:paid\n\n');
    expect(generic.verify(given, body, NOW)).toMatchObject({ signed: { covers: { ce: true } } });
    for (const change of [{ 'ce-type': ['refunded'] }, { 'ce-extra': ['x'] }, { 'ce-id': ['1', '2'] }, { 'ce-type': [] as string[] }])
      expect(generic.verify({ ...given, ...change }, body, NOW)).toEqual({ refused: 'signature' });
  });

  test('headers of a CloudEvent that are made part of the body, or what of the body could be one, are not what was signed', () => {
    const ce = { 'ce-id': '1', 'ce-type': 'paid', 'ce-zone': 'eu' };
    const given = signed('one', ce, 'ce-id:1\nce-type:paid\nce-zone:eu\n\n');
    expect(generic.verify(given, body, NOW)).toHaveProperty('signed');
    const { 'ce-zone': _, ...fewer } = given;
    for (const start of ['ce-zone:eu\n', 'ce-zone:eu\n\n', '\nce-zone:eu\n\n'])
      expect(generic.verify(fewer, Buffer.concat([Buffer.from(start), body]), NOW)).toEqual({ refused: 'signature' });
    const text = Buffer.from('ce-zone:eu\n\nrest');
    const texts = signed('one', { 'ce-id': '1' }, 'ce-id:1\n\n', text);
    expect(generic.verify(texts, text, NOW)).toHaveProperty('signed');
    for (const rest of ['rest', '\nrest']) expect(generic.verify({ ...texts, 'ce-zone': ['eu'] }, Buffer.from(rest), NOW)).toEqual({ refused: 'signature' });
  });

  test.each(['', '-1', '1e9', '0x60', ' 1614265330', '99999999999999', 'NaN'])('the time stamp %j is none', (stamp) => {
    expect(
      generic.verify(headers({ 'x-timestamp': stamp, 'x-signature': `sha256=${hmac('sha256', 'one', `${stamp}.`, body)}` }), body, NOW),
    ).not.toHaveProperty('signed');
  });

  test('law: whatever byte of body, time or signature is changed, it is refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, at, change) => {
        const content = Buffer.from(bytes);
        const right = headers({ 'x-timestamp': time, 'x-signature': `sha256=${hmac('sha256', 'two', `${time}.`, content)}` });
        expect(generic.verify(right, content, NOW)).toHaveProperty('signed');
        const other = Buffer.from(content);
        other[at % other.length] = (other[at % other.length] ?? 0) ^ change;
        expect(generic.verify(right, other, NOW)).toEqual({ refused: 'signature' });
      }),
    );
  });
});

test.each([
  [{ signature: undefined }, 'either signature: or auth: token'],
  [{ auth: 'token' }, 'either signature: or auth: token'],
  [{ signature: { secrets: [] } }, ''],
  [{ signature: { secrets: ['plain'] } }, 'reference to a secret'],
  [{ signature: { secrets: ['${HEADGATE_SECRET_A}'], algorithm: 'sha1' } }, ''],
  [{ signature: { secrets: ['${HEADGATE_SECRET_A}'], preset: 'github', header: 'x' } }, 'the preset github says that'],
  [{ signature: { secrets: ['${HEADGATE_SECRET_A}'], preset: 'github', tolerance: '5m' } }, 'signs no time stamp'],
  [{ signature: { secrets: ['${HEADGATE_SECRET_A}'], signs: '{timestamp}' } }, '{body}'],
  [{ signature: { secrets: ['${HEADGATE_SECRET_A}'], signs: '{timestamp}{body}' } }, '{body}'],
  [{ signature: { secrets: ['${HEADGATE_SECRET_A}'], tolerance: '2d' } }, 'at most 1d'],
])('a source that would be open, or signed wrongly, is refused: %j', (change, message) => {
  const parsed = SourceSpec.safeParse({ name: 's', type: 'events', signature: { secrets: ['${HEADGATE_SECRET_A}'] }, ...change });
  expect(parsed.success).toBe(false);
  expect(JSON.stringify(parsed.error?.issues)).toContain(message);
});
