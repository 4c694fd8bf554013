/** One JSON list of rows that come with a comma before each: nothing need be done for each of them. */
export async function* jsonFile(rows: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let isFirst = true;
  for await (const chunk of rows) {
    if (isFirst) chunk.write('[');
    isFirst = false;
    yield chunk;
  }
  yield Buffer.from(isFirst ? '[]\n' : ']\n');
}
