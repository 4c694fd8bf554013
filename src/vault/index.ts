export { forgetAllTokens, forgetTokens, TokenVault, type ForgetOptions, type TokenEntry, type TokenPlace } from './token-vault.js';
export { ContentCipher } from './content-cipher.js';
export { DataKeys } from './data-keys.js';
export { ENVELOPE_PATTERN, ENVELOPE_START, INDEX_PART, MOST_VALUE_BYTES, type Place, type SealedField } from './envelope.js';
export { openFieldKeys, type FieldKeysRoom } from './field-keys.js';
export { FieldCipher } from './field-cipher.js';
export { pinKeys } from './pinned-keys.js';
export { REWRAPPERS, secretsIn } from './rewrap.js';
export { SubjectKeys, type SubjectKeysOptions } from './subject-keys.js';

export { KeyKeeper, type KeyKeeperOptions, type KeyRotation, type KeyState, type KeyStatus } from './key-keeper.js';
export { MasterKeys, type MasterKeysOptions } from './master-keys.js';
export { Rewraps, type Dependents, type RewrapBatch, type Rewrapper, type RewrapsOptions } from './rewraps.js';

export { subjectReferenceSql } from './subject-reference-sql.js';
export { referenceKeyId, subjectReference } from './subject-reference.js';
