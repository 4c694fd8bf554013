export { allowedAddresses, type AllowedAddress } from './allowed-address.js';
export { loadConfig, processRoles, type Config, type ProcessRole } from './config.js';
export type { Limits } from './limits.js';
