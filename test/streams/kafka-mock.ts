// Brokers of librdkafka's mock cluster, which speak the protocol on ports of their own: says which, and ends when its standard input does.
import { KafkaClient } from 'kafka-crab-js';

const [brokers = '2'] = process.argv.slice(2);
// What says it is its log, to standard output.
const client = new KafkaClient({ brokers: 'nowhere:9092', clientId: 'mock', logLevel: 'info' });
const cluster = client.createProducer({ configuration: { 'test.mock.num.brokers': brokers } });
process.stdin.resume();
process.stdin.on('end', () => process.exit(cluster.inFlightCount()));
