import { KafkaTestBroker } from './brokers.js';
import { describeStreams } from './suite.js';

describeStreams('Kafka', await KafkaTestBroker.find());
