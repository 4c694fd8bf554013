/** As what a server read a content. */
export interface ReadAsAnswer {
  readonly format: string;
  readonly packing: string | null;
  readonly encoding: string | null;
  readonly delimiter: string | null;
  readonly quote: string | null;
  readonly header: boolean | null;
  readonly decimal: string | null;
  readonly formats: readonly { readonly field: string; readonly format: string }[];
}

/** In one line: `csv, gzip, encoding windows-1252, delimiter ;, quote double, no header, decimal comma`. */
export function readAsText({ format, packing, encoding, delimiter, quote, header, decimal, formats }: ReadAsAnswer): string {
  const parts = [
    format,
    packing ?? 'not compressed',
    encoding !== null && `encoding ${encoding}`,
    delimiter !== null && `delimiter ${delimiter === '\t' ? 'tab' : delimiter === ' ' ? 'space' : delimiter}`,
    quote !== null && `quote ${quote}`,
    header !== null && (header ? 'a header' : 'no header'),
    decimal !== null && `decimal ${decimal}`,
    ...formats.map((one) => `${one.field} as ${one.format}`),
  ];
  return parts.filter((part) => part !== false).join(', ');
}
