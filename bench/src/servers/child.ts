import { readFileSync } from 'node:fs';

/** What a server's process tells the bench, and answers to it. */
export type FromChild =
  | { readonly kind: 'ready'; readonly url: string }
  | { readonly kind: 'usage'; readonly peakRssBytes: number }
  | { readonly kind: 'memory'; readonly rssBytes: number; readonly heapBytes: number };
export type ToChild = { readonly kind: 'usage' } | { readonly kind: 'memory' } | { readonly kind: 'stop' };

/** Tells that the server listens, answers to the bench, and ends in order. */
export function serveFor(url: string, close: () => Promise<void>): void {
  const tell = (message: FromChild): void => void process.send?.(message);
  process.on('message', (message: ToChild) => {
    if (message.kind === 'usage') tell({ kind: 'usage', peakRssBytes: peakRssBytes() });
    else if (message.kind === 'memory') tell(memory());
    else void stop();
  });
  // The bench is gone: nobody else would end this process.
  process.on('disconnect', () => void stop());
  // Ctrl-C reaches the whole group; the bench decides when its servers end.
  process.on('SIGINT', () => undefined);
  tell({ kind: 'ready', url });

  async function stop(): Promise<void> {
    await close();
    process.exit(0);
  }
}

/** What is held now; where the process was started with --expose-gc, without what is only not collected yet. */
function memory(): Extract<FromChild, { kind: 'memory' }> {
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { kind: 'memory', rssBytes: rss, heapBytes: heapUsed + external };
}

/**
 * The operating system's own count, so that no peak is missed between two looks. Linux counts the memory of the process that
 * forked this one into `maxRSS`; its high-water mark is of this program alone.
 */
function peakRssBytes(): number {
  const kilobytes = process.platform === 'linux' ? /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] : undefined;
  return Number(kilobytes ?? process.resourceUsage().maxRSS) * 1024;
}
