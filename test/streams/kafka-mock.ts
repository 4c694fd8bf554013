// Brokers of librdkafka's mock cluster, which speak the protocol on ports of their own: says which, publishes what it is told to by lines
// of its standard input, and ends with that.
import { createInterface } from 'node:readline';
import { KafkaClient, type KafkaProducer } from 'kafka-crab-js';
import type { Publication } from './kafka-server.js';

const [brokers = '2'] = process.argv.slice(2);
const USUAL = { partitioner: 'consistent', 'message.max.bytes': '4000000' };
// What says where the brokers are is the log, on standard output.
const host = new KafkaClient({ brokers: 'nowhere:9092', clientId: 'mock', logLevel: 'info' });
const producers = new Map<string, KafkaProducer>([['{}', host.createProducer({ configuration: { ...USUAL, 'test.mock.num.brokers': brokers } })]]);

for await (const line of createInterface({ input: process.stdin })) {
  const { id, topic, messages, bootstrap, configuration } = JSON.parse(line) as Publication;
  const kind = JSON.stringify(configuration);
  const client = new KafkaClient({ brokers: bootstrap, clientId: 'publisher' });
  const producer = producers.get(kind) ?? client.createProducer({ configuration: { ...USUAL, ...configuration } });
  producers.set(kind, producer);
  const payloads = messages.map(([payload, key, headers]) => ({
    ...(payload !== null && { payload: Buffer.from(payload, 'base64') }),
    key: Buffer.from(key, 'base64'),
    headers: Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, Buffer.from(value)])),
  }));
  const failure = await producer.send({ topic, messages: payloads }).then(
    () => null,
    (error: unknown) => String(error),
  );
  process.stdout.write(`${JSON.stringify({ published: id, failure })}\n`);
}
process.exit(0);
