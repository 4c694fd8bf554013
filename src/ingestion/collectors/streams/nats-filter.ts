import type { ConsumerConfig } from '@nats-io/jetstream';

/** Which messages of a stream a consumer is given. */
export function filterOf({ subjects = [] }: { readonly subjects?: string[] | undefined }): Partial<ConsumerConfig> {
  const [subject, second] = subjects;
  // Several need a newer server than one does.
  if (second !== undefined) return { filter_subjects: subjects };
  return subject === undefined ? {} : { filter_subject: subject };
}
