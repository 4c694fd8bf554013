import type { Dataset } from '../catalog/index.js';
import { sha256 } from '../kernel/index.js';
import type { FieldCipher } from '../vault/index.js';

/** Rows that came inline, as they are kept until a worker loads them. */
export interface QueuedContent {
  /** By which the same content is recognised, hex. */
  readonly hash: string;
  readonly bytesFor: (runId: string) => Promise<Buffer>;
}

/** For a dataset with encrypted fields all of the content is encrypted while it waits, and hashed with a key. */
export async function queuedContent(dataset: Dataset, content: string, cipher: FieldCipher | undefined): Promise<QueuedContent> {
  const bytes = Buffer.from(content);
  if (!hasEncrypted(dataset)) return { hash: sha256(content), bytesFor: async () => bytes };
  const needed = present(cipher);
  return { hash: (await needed.contentHash(dataset.id)).update(bytes).digest('hex'), bytesFor: (runId) => needed.sealContent(dataset.id, runId, bytes) };
}

export async function openedContent(dataset: Dataset, runId: string, kept: Buffer, cipher: FieldCipher | undefined): Promise<Buffer> {
  return hasEncrypted(dataset) ? present(cipher).openContent(dataset.id, runId, kept) : kept;
}

function hasEncrypted({ fields }: Dataset): boolean {
  return fields.some(({ encrypted }) => encrypted);
}

function present(cipher: FieldCipher | undefined): FieldCipher {
  if (!cipher) throw new Error('a load of encrypted fields without what encrypts');
  return cipher;
}
