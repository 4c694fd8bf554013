export { forgetTokens, TokenVault, type ForgetOptions, type TokenEntry, type TokenPlace } from './token-vault.js';
