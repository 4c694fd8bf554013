import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** A certificate that nobody but itself vouches for, of names such as `DNS:data.example.com` or `IP:127.0.0.1`; undefined without openssl. */
export async function certificateOf(...names: readonly string[]): Promise<Certificate | undefined> {
  if (spawnSync('openssl', ['version']).status !== 0) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'headgate-tls-'));
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  try {
    const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=headgate test'];
    const named = ['-addext', `subjectAltName=${names.join(',')}`, '-keyout', keyFile, '-out', certFile];
    await promisify(execFile)('openssl', ['req', '-x509', ...made, ...named]);
    return { key: await readFile(keyFile, 'utf8'), cert: await readFile(certFile, 'utf8') };
  } finally {
    await rm(folder, { recursive: true });
  }
}
