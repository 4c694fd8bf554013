import type { Dataset } from '../catalog/index.js';
import type { FieldCipher } from '../vault/index.js';
import type { Format } from './format.js';
import type { Dialect } from './dialect/dialect.js';
import { delimiterByte, isCsv } from './dialect/read-dialect.js';
import { sealedCsv } from './seal-csv.js';
import { sealedJson } from './seal-json.js';
import { REFUSED_VALUE, type ToSeal } from './sealer.js';

export interface SealingOptions {
  readonly dataset: Dataset;
  readonly format: Format;
  readonly dialect: Dialect;
  readonly cipher: Pick<FieldCipher, 'seal'>;
  readonly maxValueBytes: number;
}

/**
 * The content of a load with envelopes in the places of values of encrypted fields, on its way to the disk: behind this
 * nothing sees them plain. It reads the records as strictly as what comes after, so that nothing is taken for another field.
 * @throws HeadgateError DATA_REJECTED with line and column for content whose fields can't be told apart
 */
export async function* sealedContent(content: AsyncIterable<Buffer>, options: SealingOptions): AsyncGenerator<Buffer> {
  const { format, dialect, cipher } = options;
  const stretches = isCsv(format)
    ? sealedCsv(content, { ...options, delimiter: delimiterByte(format, dialect), header: dialect.header })
    : sealedJson(content, options);
  for await (const stretch of stretches) {
    const values = stretch.filter((piece): piece is ToSeal => !Buffer.isBuffer(piece));
    const envelopes = await cipher.seal(values);
    let next = 0;
    yield Buffer.concat(stretch.map((piece) => (Buffer.isBuffer(piece) ? piece : Buffer.from(envelopes[next++] ?? REFUSED_VALUE))));
  }
}
