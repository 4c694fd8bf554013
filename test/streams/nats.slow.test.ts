import { NatsTestBroker } from './brokers.js';
import { describeStreams } from './suite.js';

describeStreams('NATS JetStream', await NatsTestBroker.find());
