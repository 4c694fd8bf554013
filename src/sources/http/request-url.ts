import { HeadgateError } from '../../kernel/index.js';

export type QueryParameters = Readonly<Record<string, string | readonly string[]>>;

/**
 * The URL of a request below the URL of a source, whose own parameters it keeps.
 * @throws HeadgateError BAD_USER_INPUT for a path that leads out of it; without the text
 */
export function urlBelow(base: URL, path: string, query: QueryParameters): URL {
  const [pathname = '', search = ''] = path.split(/\?(.*)/s, 2);
  if (pathname.includes('\\') || /[\s\p{Cc}#]/u.test(path) || pathname.split('/').some(isUpwards)) {
    throw new HeadgateError('BAD_USER_INPUT', 'Expected a path below the URL of the source, such as /orders, without ".." and spaces.');
  }
  const url = new URL(base);
  if (pathname !== '') url.pathname = `${base.pathname.replace(/\/$/, '')}/${pathname.replace(/^\//, '')}`;
  for (const [name, value] of new URLSearchParams(search)) url.searchParams.append(name, value);
  for (const [name, value] of Object.entries(query)) {
    url.searchParams.delete(name);
    for (const one of typeof value === 'string' ? [value] : value) url.searchParams.append(name, one);
  }
  return url;
}

/**
 * A URL that the source itself gave, such as that of the next page: it must lead to the source again, because the credentials go with it.
 * @param from where it was said, which it may be relative to
 * @throws HeadgateError DATA_REJECTED when it leads elsewhere
 */
export function urlFrom(base: URL, text: string, from: URL): URL {
  const url = URL.canParse(text, from.href) ? new URL(text, from.href) : undefined;
  if (!url) throw new HeadgateError('DATA_REJECTED', 'What the source gives as the URL of the next page is none.');
  // Behind a proxy that ends TLS, a server may not know that it is asked by https.
  if (base.protocol === 'https:' && url.protocol === 'http:' && url.hostname === base.hostname) {
    url.protocol = 'https:';
    url.port = base.port;
  }
  if (url.origin !== base.origin) {
    throw new HeadgateError('DATA_REJECTED', 'What the source gives as the URL of the next page leads to another host, which gets no credentials.');
  }
  url.hash = '';
  url.username = '';
  url.password = '';
  return url;
}

/** A URL of the source in a text that may be kept: without the URL of the source, its parameters, and secrets that it gave back. */
export function placeBelow(base: URL, url: URL, secrets: ReadonlySet<string>): string {
  const query = new URLSearchParams(
    [...url.searchParams].filter(([name, value]) => !secrets.has(value) && !base.searchParams.getAll(name).includes(value)),
  ).toString();
  const search = query === '' ? '' : `?${query}`;
  const folder = folderOf(base);
  if (url.pathname === base.pathname) return search;
  return `${url.pathname.startsWith(folder) ? `./${url.pathname.slice(folder.length)}` : url.pathname}${search}`;
}

/** @throws HeadgateError DATA_REJECTED when it leads to another host: it may have been kept for a source that was elsewhere */
export function urlOfPlace(base: URL, place: string): URL {
  const from = new URL(base);
  if (place.startsWith('./')) from.pathname = folderOf(base);
  const url = urlFrom(base, place, from);
  for (const name of new Set(base.searchParams.keys())) {
    if (!url.searchParams.has(name)) for (const value of base.searchParams.getAll(name)) url.searchParams.append(name, value);
  }
  return url;
}

function folderOf(base: URL): string {
  return `${base.pathname.replace(/\/$/, '')}/`;
}

function isUpwards(segment: string): boolean {
  return /^(\.|%2e){1,2}$/i.test(segment);
}
