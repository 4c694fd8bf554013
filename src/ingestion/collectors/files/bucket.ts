import { AwsV4Signer } from 'aws4fetch';
import { XMLParser } from 'fast-xml-parser';
import { leadsElsewhere } from '../../../catalog/index.js';
import { HeadgateError } from '../../../kernel/index.js';
import type { Outbound, OutboundResponse } from '../../../outbound/index.js';
import { fetched, isFinal } from '../../fetched.js';
import type { OpenSource } from '../../source.js';
import type { FilePlace, RemoteFile } from './remote-file.js';

const MOST_LIST_BYTES = 16 * 1024 * 1024;
/** Files that are looked through. */
const MOST_FILES = 1_000_000;

export interface BucketOptions {
  readonly outbound: Outbound;
  readonly bucket: string;
  /** What the names of its files begin with: `exports/orders/`, or nothing. */
  readonly prefix: string;
  readonly endpoint?: string | undefined;
  /** The endpoint is from the operator's own environment. */
  readonly trusted: boolean;
  readonly region: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string | undefined } | undefined;
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

interface Listing {
  readonly ListBucketResult?: {
    readonly Contents?: readonly { readonly Key?: string; readonly ETag?: string; readonly Size?: string; readonly LastModified?: string }[];
    readonly IsTruncated?: string;
    readonly NextContinuationToken?: string;
  };
}

/** A bucket of Amazon S3, or of a store that speaks its protocol; requests are signed (Signature Version 4). */
export class Bucket implements FilePlace {
  readonly #options: BucketOptions;
  readonly #parser = new XMLParser({ parseTagValue: false, isArray: (name) => name === 'Contents', processEntities: true });

  constructor(options: BucketOptions) {
    this.#options = options;
  }

  async list(wanted: string, signal: AbortSignal): Promise<readonly RemoteFile[]> {
    const { prefix } = this.#options;
    const found: RemoteFile[] = [];
    for (let token: string | undefined; ;) {
      const query = new URLSearchParams({ 'list-type': '2', prefix: prefix + wanted, ...(token !== undefined && { 'continuation-token': token }) });
      const { ListBucketResult: result } = await this.#asked(`?${query.toString()}`, signal);
      if (!result) throw this.#refusal('what it answers is no list of files');
      for (const { Key: key = '', ETag: etag, Size: size = '', LastModified: time = '' } of result.Contents ?? []) {
        // What ends so is a folder, as some programs make them. What would lead to another bucket, when it is asked for by its path, is none of ours.
        if (!key.startsWith(prefix) || key.endsWith('/') || leadsElsewhere(key)) continue;
        found.push({ name: key.slice(prefix.length), fingerprint: etag?.replaceAll('"', '') || `${size}/${time}` });
      }
      if (found.length > MOST_FILES) throw this.#refusal(`it has more than ${MOST_FILES} files; name fewer with the source's url and the collector's pattern`);
      token = result.IsTruncated === 'true' ? result.NextContinuationToken : undefined;
      if (token === undefined) return found;
    }
  }

  async *open({ name }: RemoteFile, signal: AbortSignal): AsyncGenerator<OpenSource> {
    const { outbound, prefix, trusted, maxBytes } = this.#options;
    const path = `/${(prefix + name).split('/').map(encodeURIComponent).join('/')}`;
    const { url, headers } = await this.#signed(path);
    for await (const source of fetched(outbound, url, { maxBytes, signal, headers, trusted })) yield { ...source, name };
  }

  async #asked(path: string, signal: AbortSignal): Promise<Listing> {
    const { outbound, timeoutMs, trusted } = this.#options;
    const request = await this.#signed(path);
    const response = await outbound.fetch({ ...request, maxBytes: MOST_LIST_BYTES, timeoutMs, signal, trusted, redirects: 'return' });
    const text = await response.text();
    if (response.status !== 200) throw this.#refusal(this.#why(response, text), isFinal(response.status) ? 'BAD_USER_INPUT' : 'UNAVAILABLE');
    try {
      return this.#parser.parse(text) as Listing;
    } catch {
      throw this.#refusal('what it answers is no XML');
    }
  }

  /** @param path behind the bucket */
  async #signed(path: string): Promise<{ readonly url: string; readonly headers: Record<string, string> }> {
    const { bucket, endpoint, region, credentials } = this.#options;
    // A name with dots has no certificate as a host; stores of others are asked by path.
    const base =
      endpoint !== undefined
        ? `${endpoint.replace(/\/+$/, '')}/${bucket}`
        : bucket.includes('.')
          ? `https://s3.${region}.amazonaws.com/${bucket}`
          : `https://${bucket}.s3.${region}.amazonaws.com`;
    const url = base + (path.startsWith('?') && new URL(base).pathname === '/' ? `/${path}` : path);
    if (!credentials) return { url, headers: {} };
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const signer = new AwsV4Signer({
      url,
      method: 'GET',
      service: 's3',
      region,
      accessKeyId,
      secretAccessKey,
      ...(sessionToken !== undefined && { sessionToken }),
    });
    const signed = await signer.sign();
    return { url: signed.url.href, headers: Object.fromEntries(signed.headers) };
  }

  /** What the store says of it, by its code: its message may tell more than is good. */
  #why(response: OutboundResponse, text: string): string {
    const code = /<Code>([A-Za-z0-9]{1,60})<\/Code>/.exec(text)?.[1];
    return `it answers with ${response.status}${code === undefined ? '' : ` (${code})`}`;
  }

  #refusal(why: string, code: 'UNAVAILABLE' | 'BAD_USER_INPUT' = 'UNAVAILABLE'): HeadgateError {
    return new HeadgateError(code, `The bucket ${this.#options.bucket} can't be read: ${why}.`, { bucket: this.#options.bucket });
  }
}
