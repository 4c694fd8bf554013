import { Arg, Ctx, Int, Mutation, Query, Resolver } from 'type-graphql';
import type { ConsentRequest } from '../../../governance/index.js';
import { HeadgateError } from '../../../kernel/index.js';
import type { RequestContext } from '../../context.js';
import { Consent, ConsentInput } from '../types/consent.type.js';

/** What people consented to. A change holds from the moment at which it is committed, in every process. */
@Resolver()
export class ConsentResolver {
  @Query(() => [Consent], { description: 'All that was recorded of a person, newest first: what is in force, what is over, what was withdrawn.' })
  async consents(@Ctx() { services, principal }: RequestContext, @Arg('subject', () => String) subject: string): Promise<Consent[]> {
    return services.consents.historyOf(subject, principal);
  }

  @Mutation(() => Consent, { description: 'Records that a person has consented to a purpose. It adds to what was recorded before.' })
  async recordConsent(@Ctx() { services, principal }: RequestContext, @Arg('input', () => ConsentInput) input: ConsentInput): Promise<Consent> {
    return services.consents.record(toRequest(input), principal);
  }

  @Mutation(() => Int, { description: 'Records up to 1,000 at once, all of them or none, and says how many.' })
  async recordConsents(@Ctx() { services, principal }: RequestContext, @Arg('inputs', () => [ConsentInput]) inputs: ConsentInput[]): Promise<number> {
    return services.consents.recordAll(inputs.map(toRequest), principal);
  }

  @Mutation(() => Consent, { description: 'Ends all that a person has consented to for a purpose, from now on. It takes no other time.' })
  async withdrawConsent(@Ctx() { services, principal }: RequestContext, @Arg('input', () => ConsentInput) input: ConsentInput): Promise<Consent> {
    const { subject, purpose, from, until, source } = input;
    for (const [name, value] of Object.entries({ from, until, source })) {
      if (value === undefined || value === null) continue;
      throw new HeadgateError('BAD_USER_INPUT', `input.${name}: a withdrawal takes the subject and the purpose, and holds from now on. Leave it out.`, {
        path: `input.${name}`,
      });
    }
    return services.consents.withdraw({ subject, purpose }, principal);
  }
}

function toRequest({ subject, purpose, from, until, source }: ConsentInput): ConsentRequest {
  return { subject, purpose, ...(from && { from: new Date(from) }), ...(until && { until: new Date(until) }), ...(source && { source }) };
}
