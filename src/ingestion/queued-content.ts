import type { Dataset } from '../catalog/index.js';
import { HeadgateError, sha256 } from '../kernel/index.js';
import type { FieldCipher } from '../vault/index.js';

/** What was sent with a request (rows, a URL with its signature, a patch), as it is kept until a worker does it. */
export interface QueuedContent {
  /** By which the same content is recognised, hex. */
  readonly hash: string;
  readonly bytesFor: (runId: string) => Promise<Buffer>;
}

/** The name of the key: one of the installation, so that what waits opens also when its contract has changed, or is gone. */
const NAME = 'runs';

/** All of it is encrypted while it waits, whatever dataset it goes to, and hashed with a key. */
export async function queuedContent(dataset: Dataset, content: string, cipher: Pick<FieldCipher, 'contents'> | undefined): Promise<QueuedContent> {
  const bytes = Buffer.from(content);
  if (!cipher) {
    if (dataset.fields.some(({ encrypted }) => encrypted)) throw new Error('a load of encrypted fields without what encrypts');
    return { hash: sha256(content), bytesFor: async () => bytes };
  }
  const contents = await cipher.contents(NAME);
  return { hash: contents.hash(dataset.id, bytes), bytesFor: async (runId) => contents.seal(runId, bytes) };
}

/** @throws HeadgateError UNAVAILABLE for what was sealed elsewhere, or for another run */
export async function openedContent(runId: string, kept: Buffer, cipher: Pick<FieldCipher, 'contents'> | undefined): Promise<Buffer> {
  if (!cipher) return kept;
  const opened = (await cipher.contents(NAME)).open(runId, kept);
  if (opened === undefined) throw new HeadgateError('UNAVAILABLE', 'The content of the run can not be decrypted any more. Send it again.', { run: runId });
  return opened;
}
