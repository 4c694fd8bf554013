import type { Outbound } from '../../../outbound/index.js';

/** Who says which hosts may be reached. */
export type Reach = Pick<Outbound, 'checkHost' | 'lookupFor'>;

/** A URL that is a secret of the server was written by the operator, who may mean a host inside. */
export function isOperators(text: string): boolean {
  return text.startsWith('${');
}

/**
 * Whether the brokers that a document names may be reached: its author need not be the operator.
 * @param texts as the document has them, each with the URL that it stands for
 * @throws HeadgateError BAD_USER_INPUT when one may not; UNAVAILABLE when there is no such host
 */
export async function checkReach(reach: Reach, texts: readonly (readonly [text: string, url: URL])[], usualPort: number): Promise<void> {
  for (const [text, url] of texts) if (!isOperators(text)) await reach.checkHost(url.hostname, portOf(url, usualPort));
}

export function portOf({ port }: URL, usual: number): number {
  return port === '' ? usual : Number(port);
}
