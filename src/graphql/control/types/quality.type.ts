import { Field, Float, ID, Int, ObjectType } from 'type-graphql';
import type { QualityCheckEntity, QualityReportEntity } from '../../../quality/index.js';
import { BigIntScalar, DateTimeScalar } from '../../scalars.js';
import { CheckStatusEnum, QualityDimensionEnum, SeverityEnum } from './enums.js';
import { connectionTypes } from './page.js';

@ObjectType({ description: 'One check of a report: counts, shares and bounds, never a value of data.' })
export class QualityCheck {
  @Field(() => String) name!: string;
  @Field(() => QualityDimensionEnum) dimension!: QualityCheckEntity['dimension'];
  @Field(() => SeverityEnum) severity!: QualityCheckEntity['severity'];
  @Field(() => CheckStatusEnum) status!: QualityCheckEntity['status'];
  @Field(() => [String], { description: 'The fields that it is about.' }) fields!: string[];
  @Field(() => String, { nullable: true }) observed!: string | null;
  @Field(() => String, { nullable: true }) expected!: string | null;
  @Field(() => BigIntScalar, { nullable: true, description: 'Null where the check is not about rows.' }) failingRows!: string | null;
}

@ObjectType({
  description: 'What one look at a dataset found. Scores go from 0 to 1, over the checks that you are shown; null for a dimension without checks.',
})
export class QualityReport {
  @Field(() => ID) id!: string;
  /** The name; the resolver gives the dataset. */
  datasetName!: string;
  @Field(() => Int, { description: 'Of the contract.' }) version!: number;
  @Field(() => DateTimeScalar) createdAt!: Date;
  @Field(() => BigIntScalar) rowCount!: string;
  @Field(() => Float, { nullable: true }) score!: number | null;
  @Field(() => Float, { nullable: true }) accuracy!: number | null;
  @Field(() => Float, { nullable: true }) completeness!: number | null;
  @Field(() => Float, { nullable: true }) consistency!: number | null;
  @Field(() => Float, { nullable: true }) timeliness!: number | null;
}

export const { Connection: QualityReportConnection } = connectionTypes(() => QualityReport, 'QualityReport');

export function toQualityReport(entity: QualityReportEntity): QualityReport {
  const { id, dataset, contractVersion, createdAt, rowCount, score, accuracy, completeness, consistency, timeliness } = entity;
  return Object.assign(new QualityReport(), {
    id,
    datasetName: dataset,
    version: contractVersion,
    createdAt,
    rowCount,
    score,
    accuracy,
    completeness,
    consistency,
    timeliness,
  });
}
