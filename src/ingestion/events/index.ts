export type { Receipt } from './arrival.js';
export { EventReceiver, type EventReceiverOptions, type EventRequest } from './event-receiver.js';
export { EventsCollector } from './events-collector.js';
export { Inbox, type InboxOptions } from './inbox.js';
export { InboxSubjects } from './inbox-subjects.js';
export { InboxSweep } from './inbox-sweep.js';
export type { Headers, Verdict } from './signature.js';
