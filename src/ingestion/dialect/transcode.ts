import { rejected } from '../rejection.js';

/**
 * A text in UTF-8.
 * @throws HeadgateError DATA_REJECTED with a line for bytes that are none of the encoding
 */
export async function* transcoded(content: AsyncIterable<Buffer>, encoding: string): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  let line = 1;
  const decode = (chunk?: Buffer): string => {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
    } catch (cause) {
      throw rejected(
        `The file is not ${encoding}: bytes in it, at or behind line ${line}, are none of its characters. Say its encoding, or convert it to UTF-8.`,
        { line },
        cause,
      );
    }
  };
  for await (const chunk of content) {
    const text = decode(chunk);
    if (text !== '') yield Buffer.from(text);
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) line += 1;
  }
  const rest = decode();
  if (rest !== '') yield Buffer.from(rest);
}
