export { linkNext } from './link-next.js';
export { Outbound, type OutboundOptions } from './outbound.js';
export type { OutboundRequest } from './outbound-request.js';
export type { OutboundHeaders, OutboundResponse } from './outbound-response.js';
export type { Resolve } from './reach.js';
export { retryAfter } from './retry-after.js';
