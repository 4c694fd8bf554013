import { z } from 'zod';
import { authBy } from './auth.js';
import { bucketOf, bucketProblem, leadsElsewhere } from './bucket-name.js';
import { COMMON, plainUrl, Secret } from './parts.js';

const FolderPath = z
  .string()
  .min(1)
  .max(1_000)
  .refine((path) => !path.startsWith('/') && !path.includes('\\') && !path.split('/').includes('..') && !path.includes('\0'), {
    error: 'expected a path below the folder that HEADGATE_FILES names, without ".."',
  });

/** Who asks an object store: an access key, as Signature Version 4 has it. */
const Auth = authBy({ accessKey: z.strictObject({ id: Secret, secret: Secret, sessionToken: Secret.optional() }) });

/**
 * Files that come again and again: in a bucket of an S3-compatible store (`url: s3://bucket/prefix`), in a folder of a web
 * server, or in one of this machine.
 */
export const FilesSource = z
  .strictObject({
    ...COMMON,
    type: z.literal('files'),
    url: plainUrl(['s3', 'https', 'http']).optional(),
    folder: FolderPath.optional(),
    /** Of a store that is not Amazon's. */
    endpoint: plainUrl(['https', 'http']).optional(),
    region: z
      .string()
      .regex(/^[a-z0-9-]{1,50}$/, { error: 'expected a region such as eu-central-1' })
      .optional(),
    auth: Auth.optional(),
  })
  .superRefine(({ url, folder, endpoint, region, auth }, issues) => {
    const complain = (path: string, message: string) => issues.addIssue({ code: 'custom', path: [path], message });
    if ((url === undefined) === (folder === undefined))
      complain('url', 'expected either url (s3://bucket/prefix, or a folder of a web server) or folder (below HEADGATE_FILES)');
    const isStore = url?.startsWith('s3://') ?? false;
    if (isStore && url !== undefined) {
      const { bucket, prefix } = bucketOf(url);
      const problem = bucketProblem(bucket, endpoint === undefined);
      if (problem !== undefined) complain('url', `expected s3://bucket/prefix: ${problem}`);
      if (leadsElsewhere(prefix)) complain('url', 'expected s3://bucket/prefix, with no "." or ".." between slashes');
    }
    for (const [key, value] of Object.entries({ endpoint, region, auth })) {
      if (value !== undefined && !isStore) complain(key, `${key} is for object stores, whose url begins with s3://`);
    }
    if (isStore && endpoint === undefined && region === undefined)
      complain('region', "expected the region of the bucket, or the endpoint of a store that is not Amazon's");
  });
