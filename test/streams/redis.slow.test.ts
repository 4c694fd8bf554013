import { RedisTestBroker } from './brokers.js';
import { describeStreams } from './suite.js';

describeStreams('streams of Redis', await RedisTestBroker.find());
