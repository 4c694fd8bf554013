import { pino, type Logger } from 'pino';

export type Log = Logger;

/**
 * The process log: JSON lines on standard error, so that standard output stays free for answers.
 * No value of data is ever logged; bearer tokens and keys are cut out of what is.
 */
export function createLog(level: string): Log {
  return pino({ level, base: null, redact: ['req.headers.authorization', 'req.headers["x-api-key"]', 'req.headers.cookie'] }, pino.destination(2));
}

export const silentLog: Log = pino({ level: 'silent' });
