import { NatsTestBroker } from './brokers.js';
import { describeStreams } from './suite.js';

describeStreams('streams of NATS JetStream', await NatsTestBroker.find());
