import type { AuditFact } from '../audit/index.js';
import type { GovernedExport } from '../access/index.js';
import type { Dataset } from '../catalog/index.js';
import type { Principal } from '../identity/index.js';
import { newId, type HeadgateError } from '../kernel/index.js';

export interface ExportRecordOptions {
  readonly audit: { record(fact: AuditFact): Promise<void> };
  readonly principal: Principal;
  readonly format: string;
  readonly operationHash: string;
}

/**
 * What the audit tells of one export: that it began, with the fields that it gives, before its first byte leaves; and how
 * it ended, with rows and bytes. Its entries have one id in common.
 */
export class ExportRecord {
  readonly #options: ExportRecordOptions;
  readonly #id = newId();
  readonly #began = performance.now();

  constructor(options: ExportRecordOptions) {
    this.#options = options;
  }

  /** @param dataset the one that is exported; the refusal can be about another one that it reaches */
  async refused({ code, details }: HeadgateError, dataset: Dataset, datasets: ReadonlyMap<string, Dataset>): Promise<void> {
    const name = typeof details['dataset'] === 'string' ? details['dataset'] : dataset.name;
    const { fields = [], relations = [] } = datasets.get(name) ?? {};
    const member = [...fields, ...relations].find(({ graphqlName }) => graphqlName === details['field']);
    await this.#write({ dataset: name, decision: 'DENIED', details: { code, ...(member && { fields: [member.name] }) } });
  }

  /** One entry for each dataset: filters and orders read as well. */
  async started({ reads }: GovernedExport): Promise<void> {
    await Promise.all(
      [...reads].map(([dataset, { plain, masked }]) =>
        this.#write({ dataset, decision: 'ALLOWED', fields: [...plain], masked: [...masked], details: this.#details('started') }),
      ),
    );
  }

  async finished(plan: GovernedExport, rowCount: number, bytes: number): Promise<void> {
    await this.#write({ ...ofDataset(plan), decision: 'ALLOWED', rowCount, details: { ...this.#details('finished'), bytes } });
  }

  /** @param state `aborted` when whoever took it went away */
  async failed(plan: GovernedExport, state: 'failed' | 'aborted', code: string, bytes: number): Promise<void> {
    await this.#write({ ...ofDataset(plan), decision: 'FAILED', details: { ...this.#details(state), code, bytes } });
  }

  #details(state: string) {
    return { export: this.#id, state, format: this.#options.format };
  }

  async #write(fact: Omit<AuditFact, 'actor' | 'action'>): Promise<void> {
    const { audit, principal, operationHash } = this.#options;
    const durationMs = Math.round((performance.now() - this.#began) * 1000) / 1000;
    await audit.record({ actor: principal, action: 'export', operationHash, durationMs, ...fact });
  }
}

function ofDataset({ dataset, reads }: GovernedExport): Pick<AuditFact, 'dataset' | 'fields' | 'masked'> {
  const { plain = [], masked = [] } = reads.get(dataset.name) ?? {};
  return { dataset: dataset.name, fields: [...plain], masked: [...masked] };
}
