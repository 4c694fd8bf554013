import { z } from 'zod';
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

/** How requests say who asks. Exactly one of them. */
const Auth = z
  .strictObject({
    bearer: Secret.optional(),
    basic: z.strictObject({ user: z.string().min(1).max(1_000), password: Secret }).optional(),
    header: z.strictObject({ name: HeaderName, value: Secret }).optional(),
    oauth2: z
      .strictObject({
        tokenUrl: plainUrl(['https', 'http']),
        clientId: z.string().min(1).max(1_000),
        clientSecret: Secret,
        scopes: z
          .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/))
          .max(50)
          .optional(),
        audience: z.string().min(1).max(1_000).optional(),
      })
      .optional(),
  })
  .refine((auth) => Object.values(auth).filter((value) => value !== undefined).length === 1, {
    error: 'expected exactly one of bearer, basic, header and oauth2',
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
