export type { ColumnSample, Finding } from './column-sample.js';
export { detect } from './detect.js';
export { TagDetection, type LoadDone } from './tag-detection.js';
export { TagProposalEntity, type ProposalStatus } from './tag-proposal.entity.js';
export { TagProposals, type ProposalFilter, type Sees } from './tag-proposals.js';
