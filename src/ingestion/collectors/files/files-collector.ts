import { posix } from 'node:path';
import { bucketOf, bucketProblem, leadsElsewhere, resolveSecret, timeoutMsOf, type SourceSpec } from '../../../catalog/index.js';
import type { Config } from '../../../config/index.js';
import { HeadgateError } from '../../../kernel/index.js';
import type { Outbound } from '../../../outbound/index.js';
import type { Database } from '../../../store/index.js';
import { dialectRequest } from '../../dialect/dialect.js';
import { formatOf, type Format } from '../../format.js';
import { isPattern } from '../../file-pattern.js';
import type { CollectJob } from '../collect-job.js';
import type { CollectorType } from '../collector-type.js';
import { Bucket } from './bucket.js';
import { CollectedFiles } from './collected-files.js';
import type { FilesPart } from './files-part.js';
import { LocalFolder } from './local-folder.js';
import type { FilePlace, RemoteFile } from './remote-file.js';
import { WebFolder } from './web-folder.js';

export interface FilesCollectorOptions {
  readonly database: Database;
  readonly config: Pick<Config, 'filesDir' | 'secrets' | 'limits'>;
  readonly outbound: Outbound;
}

type FilesSpec = Extract<SourceSpec, { type: 'files' }>;

/**
 * Collects files: each that is new, or another than it was, in the order of their names, one in a transaction. A file whose
 * very content was loaded before adds nothing. With the mode `replace` all files of the pattern are the dataset, in one load.
 */
export function filesCollector(options: FilesCollectorOptions): CollectorType {
  return {
    async collect(job) {
      const { source, collector, signal } = job;
      if (source.type !== 'files') throw new Error('a collector of files from another source');
      const part: FilesPart = collector.files ?? {};
      const place = placeOf(source, options);
      const files = await wanted(place, part.pattern ?? '**', signal);
      const collected = new CollectedFiles(options.database, collector.name);
      // Without a position it begins from the beginning.
      if ((await job.position()) === undefined) await collected.forget();
      const known = await collected.all();
      const fresh = files.filter(({ name, fingerprint }) => known.get(name) !== fingerprint);
      if (fresh.length === 0) return;
      const sets = collector.mode === 'replace' ? [files] : fresh.map((file) => [file]);
      for (const set of sets) await land(job, place, part, set, collected);
    },
  };
}

async function land(job: CollectJob, place: FilePlace, part: FilesPart, files: readonly RemoteFile[], collected: CollectedFiles): Promise<void> {
  const { signal } = job;
  const last = files.at(-1);
  if (!last) return;
  const { pattern: _, format, ...dialect } = part;
  async function* opened() {
    for (const file of files) yield* place.open(file, signal);
  }
  await job.land({
    source: { files: opened(), name: last.name },
    format: formatOfAll(files, format),
    dialect: dialectRequest(dialect),
    force: false,
    ...(files.length === 1 && { positionOf: (line: number) => `${last.name}:${line}` }),
    position: { name: last.name, fingerprint: last.fingerprint },
    inTransaction: (tx) => collected.add(tx, files, job.run.id),
  });
}

function formatOfAll(files: readonly RemoteFile[], said: Format | undefined): Format {
  return formatOf({ format: said, fileName: files[0]?.name });
}

async function wanted(place: FilePlace, pattern: string, signal: AbortSignal): Promise<readonly RemoteFile[]> {
  // What stands before the first sign of a pattern, the list need not go beyond.
  const prefix = isPattern(pattern) ? pattern.slice(0, pattern.search(/[*?[{]/)) : pattern;
  const files = await place.list(prefix, signal);
  return files.filter(({ name }) => posix.matchesGlob(name, pattern)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function placeOf(spec: FilesSpec, { config, outbound }: FilesCollectorOptions): FilePlace {
  if (spec.folder !== undefined) return new LocalFolder(config.filesDir, spec.folder);
  const resolved = (text: string) => resolveSecret(text, config.secrets);
  const isSecret = (text: string | undefined) => text?.startsWith('${') ?? false;
  const url = resolved(spec.url ?? '');
  const shared = { outbound, timeoutMs: timeoutMsOf(spec), maxBytes: config.limits.maxUploadBytes };
  if (!url.startsWith('s3://')) return new WebFolder({ ...shared, url, trusted: isSecret(spec.url) });
  const { bucket, prefix } = bucketOf(url);
  const { auth, endpoint } = spec;
  const key = auth?.accessKey;
  // Of a URL that is a secret nothing was known when the source was applied.
  const problem = leadsElsewhere(prefix) ? 'it has "." or ".." between slashes' : bucketProblem(bucket, endpoint === undefined);
  if (problem !== undefined)
    throw new HeadgateError('BAD_USER_INPUT', `The url of the source ${spec.name} is not s3://bucket/prefix: ${problem}.`, { source: spec.name });
  return new Bucket({
    ...shared,
    bucket,
    prefix: prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`,
    endpoint: endpoint === undefined ? undefined : resolved(endpoint),
    trusted: isSecret(endpoint),
    region: spec.region ?? 'us-east-1',
    credentials: key && {
      accessKeyId: resolved(key.id),
      secretAccessKey: resolved(key.secret),
      sessionToken: key.sessionToken === undefined ? undefined : resolved(key.sessionToken),
    },
  });
}
