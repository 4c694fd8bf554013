/** The client; it is loaded by the first who needs it, since that takes most of a second. */
export async function kafkaClient(): Promise<typeof import('@platformatic/kafka')> {
  return import('@platformatic/kafka');
}
