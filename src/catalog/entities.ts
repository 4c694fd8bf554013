import { ClassificationEntity } from './classification.entity.js';
import { DatasetContractEntity, DatasetEntity } from './dataset.entity.js';
import { PurposeEntity } from './purpose.entity.js';
import { SourceEntity } from './source.entity.js';

/** For TypeORM's DataSource. */
export const catalogEntities = [DatasetEntity, DatasetContractEntity, PurposeEntity, SourceEntity, ClassificationEntity] as const;
