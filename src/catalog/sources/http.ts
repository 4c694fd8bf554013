import { z } from 'zod';
import { authBy, Basic } from './auth.js';
import { COMMON, durationUpTo, plainUrl, Secret } from './parts.js';

/** A header's name; those that the client sets itself are not for a manifest. */
const HeaderName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, { error: 'expected the name of an HTTP header' })
  .refine((name) => !/^(host|content-length|transfer-encoding|connection|te|upgrade|proxy-.*)$/i.test(name), {
    error: 'this header is set by the client itself; leave it out',
  });
const HeaderValue = z
  .string()
  .max(4_000)
  .refine((text) => !/\p{Cc}/u.test(text.replaceAll('\t', ' ')), { error: 'expected one line of text' });

const Auth = authBy({
  bearer: Secret,
  basic: Basic,
  header: z.strictObject({ name: HeaderName, value: Secret }),
  oauth2: z.strictObject({
    tokenUrl: plainUrl(['https', 'http']),
    clientId: z.string().min(1).max(1_000),
    clientSecret: Secret,
    scopes: z
      .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/))
      .max(50)
      .optional(),
    audience: z.string().min(1).max(1_000).optional(),
  }),
});

const Request = {
  ...COMMON,
  url: plainUrl(['https', 'http']),
  auth: Auth.optional(),
  headers: z.record(HeaderName, HeaderValue).optional(),
  /** No more requests than so many in so long, over all that use the source in this process. */
  rate: z
    .strictObject({
      requests: z.int().min(1).max(1_000_000),
      per: durationUpTo('1d'),
    })
    .optional(),
};

/** An API that answers with JSON. */
export const HttpSource = z.strictObject({ ...Request, type: z.literal('http') });

/** Another GraphQL API; `url` is its endpoint. */
export const GraphqlSource = z.strictObject({ ...Request, type: z.literal('graphql') });
