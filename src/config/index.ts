export { loadConfig, processRoles, type Config, type Limits, type ProcessRole } from './config.js';
