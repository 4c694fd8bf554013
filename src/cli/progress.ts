import { SingleBar } from 'cli-progress';
import { bytesText } from './output.js';

/** How far long work is, on standard error: a bar on a terminal, elsewhere a line every few seconds. */
export interface Progress {
  update(done: number): void;
  /** What goes on after all was sent. */
  phase(text: string): void;
  end(): void;
}

const LINE_EVERY_MS = 5_000;

/** @param total undefined when nobody knows it */
export function startProgress(label: string, total: number | undefined): Progress {
  return process.stderr.isTTY && total !== undefined ? bar(label, total) : lines(label, total);
}

function bar(label: string, total: number): Progress {
  const shown = new SingleBar({
    format: `${label} {bar} {percentage}% | {sent} of ${bytesText(total)} {phase}`,
    barCompleteChar: '=',
    barIncompleteChar: '-',
    hideCursor: true,
    stream: process.stderr,
  });
  shown.start(total, 0, { sent: bytesText(0), phase: '' });
  return {
    update: (done) => shown.update(done, { sent: bytesText(done) }),
    phase: (text) => shown.update({ phase: `| ${text}` }),
    end: () => shown.stop(),
  };
}

function lines(label: string, total: number | undefined): Progress {
  let last = Date.now();
  return {
    update(done) {
      if (Date.now() - last < LINE_EVERY_MS) return;
      last = Date.now();
      console.error(`${label}: ${bytesText(done)}${total === undefined ? '' : ` of ${bytesText(total)}`}`);
    },
    phase: () => undefined,
    end: () => undefined,
  };
}
