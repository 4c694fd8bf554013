import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';

const message = (type: string, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(5, type, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};
const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const int32 = (value: number): Buffer => Buffer.concat([int16(value >>> 16), int16(value & 0xffff)]);
const text = (value: string): Buffer => Buffer.from(`${value}\0`);

const READY = message('Z', Buffer.from('I'));

/** One row of columns with a name, a type by its number, and a value. */
function row(columns: readonly (readonly [name: string, type: number, value: string])[]): Buffer {
  const fields = columns.map(([name, type]) => Buffer.concat([text(name), int32(0), int16(0), int32(type), int16(-1 & 0xffff), int32(0xffffffff), int16(0)]));
  const values = columns.map(([, , value]) => Buffer.concat([int32(Buffer.byteLength(value)), Buffer.from(value)]));
  return Buffer.concat([message('T', int16(columns.length), ...fields), message('D', int16(columns.length), ...values), message('C', text('SELECT 1')), READY]);
}

/**
 * A server that takes every login and says of itself that it is PostgreSQL 16: what a program sees of an old one before
 * it goes away. That a real one answers so is tested where one is there (test/store/database-url.test.ts).
 */
export async function startOldServer(): Promise<{ readonly url: string; readonly server: Server }> {
  const answer = row([
    ['version', 23, '160004'],
    ['encoding', 25, 'UTF8'],
    ['replica', 16, 'f'],
  ]);
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    // The first message has no type: it asks for a session, and anyone is let in.
    socket.once('data', () => {
      socket.write(Buffer.concat([message('R', int32(0)), READY]));
      socket.on('data', (bytes) => (bytes[0] === 0x51 ? socket.write(answer) : socket.end()));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `postgres://somebody:s3cret@127.0.0.1:${(server.address() as AddressInfo).port}/old`, server };
}
