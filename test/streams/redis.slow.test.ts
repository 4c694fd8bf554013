import { RedisTestBroker } from './brokers.js';
import { describeStreams } from './suite.js';

describeStreams('Redis', await RedisTestBroker.find());
