import type { OutboundHeaders } from '../../../outbound/index.js';
import type { Since } from '../parts/since.js';
import type { PagePlace, PagesBy } from './page-flow.js';
import type { PageShape } from './page-rows.js';

/** An answer, and what becomes of a URL in it. */
export interface AnsweredPage {
  readonly body: Buffer;
  readonly headers: OutboundHeaders;
  readonly placeOf: (url: string) => string;
}

/** What gives rows page by page. */
export interface PageSource {
  readonly shape: PageShape;
  readonly pages: PagesBy | undefined;
  readonly mostRequests: number;
  readonly since: Since | undefined;
  /** Differs when places of other pages mean nothing in these. */
  readonly places: string;
  /**
   * Asks for a page.
   * @param since the value from which on rows are wanted
   * @throws HeadgateError as HttpClient.send
   */
  ask(place: PagePlace, since: string | undefined, signal: AbortSignal): Promise<AnsweredPage>;
}
