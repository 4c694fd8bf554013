import { DatasetContractEntity, DatasetEntity } from './dataset.entity.js';
import { PurposeEntity } from './purpose.entity.js';

/** For TypeORM's DataSource. */
export const catalogEntities = [DatasetEntity, DatasetContractEntity, PurposeEntity] as const;
