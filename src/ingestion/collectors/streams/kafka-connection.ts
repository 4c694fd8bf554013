import { isIP } from 'node:net';
import type { Connection, ConnectionOptions } from '@platformatic/kafka';
import { timeoutMsOf, type SourceSpec } from '../../../catalog/index.js';
import { checkReach, isOperators, portOf, type Reach } from './check-reach.js';
import { kafkaClient } from './kafka-client.js';
import { kafkaError } from './kafka-error.js';
import { secretOf, tlsOf, urlOf } from './secrets-of.js';

type KafkaSource = Extract<SourceSpec, { type: 'kafka' }>;
type Sasl = NonNullable<ConnectionOptions['sasl']>;

const USUAL_PORT = 9092;
/** How long a broker may wait for messages before it says that there are none; it is given so much longer to answer. */
export const WAIT_MS = 1_000;
const MECHANISMS = { basic: 'PLAIN', scramSha256: 'SCRAM-SHA-256', scramSha512: 'SCRAM-SHA-512' } as const;
const WAYS = Object.keys(MECHANISMS) as (keyof typeof MECHANISMS)[];
/** Of the protocol's requests. */
const FETCH = 1;
const METADATA = 3;

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

/** A connection to one broker, and what it understands. */
export interface KafkaLink {
  readonly connection: Connection;
  /** Whether it tells topics by the id that one has from when it is made to when it is deleted. */
  readonly knowsTopicIds: boolean;
}

/**
 * Connects to the brokers of one cluster. Each address is checked, those too that brokers tell of others: whoever wrote the document
 * may have written the answers as well. Only the very address that the operator gave is not. Connections do not mend themselves.
 */
export class KafkaConnector {
  readonly #source: KafkaSource;
  readonly #reach: Reach;
  readonly #urls: readonly URL[];
  readonly #options: Pick<ConnectionOptions, 'tls' | 'sasl' | 'connectTimeout' | 'requestTimeout'>;
  readonly #texts: readonly string[];

  /** @throws HeadgateError UNAVAILABLE when a secret is not set */
  constructor(source: KafkaSource, secrets: ReadonlyMap<string, string>, reach: Reach) {
    this.#source = source;
    this.#reach = reach;
    this.#texts = [source.url].flat();
    this.#urls = this.#texts.map((url) => urlOf(url, source.name, secrets, ['kafka', 'kafkas']));
    const tls = tlsOf(source.tls, source.name, secrets) ?? (this.#urls.some(({ protocol }) => protocol === 'kafkas:') ? {} : undefined);
    const sasl = saslOf(source, this.#urls, secrets);
    const timeout = timeoutMsOf(source);
    this.#options = { connectTimeout: timeout, requestTimeout: timeout + WAIT_MS, ...(tls && { tls }), ...(sasl && { sasl }) };
  }

  /**
   * To the first of the document's brokers that answers.
   * @throws HeadgateError UNAVAILABLE; BAD_USER_INPUT when one of them may not be reached
   */
  async first(): Promise<KafkaLink> {
    await checkReach(
      this.#reach,
      this.#urls.map((url, i) => [this.#texts[i] ?? '', url] as const),
      USUAL_PORT,
    );
    let failure: unknown;
    for (const url of this.#urls) {
      try {
        return await this.to({ host: bareHost(url.hostname), port: portOf(url, USUAL_PORT) });
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /** @throws HeadgateError UNAVAILABLE; BAD_USER_INPUT for a host that may not be reached */
  async to({ host, port }: BrokerAddress): Promise<KafkaLink> {
    // The very address that was checked, whatever the name stands for a moment later.
    const addresses = this.#isOperators({ host, port }) ? [host] : await this.#reach.checkHost(host, port);
    let failure: unknown;
    for (const address of addresses) {
      try {
        return await this.#connect(address, port, host);
      } catch (error) {
        failure = error;
      }
    }
    throw kafkaError(failure, this.#source.name);
  }

  #isOperators({ host, port }: BrokerAddress): boolean {
    return this.#urls.some((url, i) => isOperators(this.#texts[i] ?? '') && bareHost(url.hostname) === host && portOf(url, USUAL_PORT) === port);
  }

  async #connect(address: string, port: number, host: string): Promise<KafkaLink> {
    const { Connection: KafkaConnection, apiVersionsV0 } = await kafkaClient();
    const connection = new KafkaConnection('headgate', { ...this.#options, ...(isIP(host) === 0 && { tlsServerName: host }) });
    // Whoever waits for an answer hears of it.
    connection.on('error', () => undefined);
    try {
      await connection.connect(address, port);
      const { apiKeys } = await apiVersionsV0.api.async(connection, 'headgate', '');
      const understands = (key: number, version: number) => apiKeys.some(({ apiKey, maxVersion }) => apiKey === key && maxVersion >= version);
      return { connection, knowsTopicIds: understands(FETCH, 13) && understands(METADATA, 10) };
    } catch (error) {
      await connection.close().catch(() => undefined);
      throw error;
    }
  }
}

function saslOf({ auth, name }: KafkaSource, [url]: readonly URL[], secrets: ReadonlyMap<string, string>): Sasl | undefined {
  for (const way of WAYS) {
    const given = auth?.[way];
    if (given) return { mechanism: MECHANISMS[way], username: given.user, password: secretOf(given.password, name, secrets) };
  }
  if (!url?.username) return undefined;
  return { mechanism: 'PLAIN', username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
}

/** Without the brackets of an IPv6 address. */
function bareHost(host: string): string {
  return host.replace(/^\[(?<inside>.*)\]$/, '$<inside>');
}
