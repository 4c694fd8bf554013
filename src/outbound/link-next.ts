import type { OutboundHeaders } from './outbound-response.js';

const TARGET = /[\s,]*<(?<target>[^>]*)>/y;
const PARAMETER = /\s*;\s*(?<name>[^\s=;,"]+)(?:\s*=\s*(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<token>[^\s;,"]*)))?/y;

/**
 * The target of the first link with `rel=next` (RFC 8288); nothing when there is none, or the header can't be read so far. It is as the
 * header has it, maybe relative, or resolved against the answer's `url` when that is given.
 */
export function linkNext(headers: OutboundHeaders, url?: string): string | undefined {
  const value = headers['link'];
  const text = Array.isArray(value) ? value.join(', ') : (value ?? '');
  let at = 0;
  for (let link = matchAt(TARGET, text, at); link; link = matchAt(TARGET, text, at)) {
    at = link.end;
    const parameters = new Map<string, string>();
    for (let found = matchAt(PARAMETER, text, at); found; found = matchAt(PARAMETER, text, at)) {
      at = found.end;
      const { name = '', quoted, token } = found.groups;
      // Of several, the first counts.
      if (!parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), quoted?.replaceAll(/\\(?<character>.)/g, '$<character>') ?? token ?? '');
    }
    const relations = (parameters.get('rel') ?? '').toLowerCase().split(/\s+/);
    // With an anchor it is a link of something else.
    if (relations.includes('next') && !parameters.has('anchor')) return resolved(link.groups['target'] ?? '', url);
  }
  return undefined;
}

function resolved(target: string, url: string | undefined): string | undefined {
  if (url === undefined) return target;
  return URL.canParse(target, url) ? new URL(target, url).href : undefined;
}

function matchAt(pattern: RegExp, text: string, at: number): { readonly groups: Partial<Record<string, string>>; readonly end: number } | undefined {
  const sticky = new RegExp(pattern);
  sticky.lastIndex = at;
  const groups = sticky.exec(text)?.groups;
  return groups && { groups, end: sticky.lastIndex };
}
