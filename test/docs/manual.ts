/** A file of the manual, by its path in the repository. */
export function manual(path: string): URL {
  return new URL(`../../${path}`, import.meta.url);
}

/** The examples of one language in a Markdown text, in their order. */
export function fenced(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, body = '']) => body);
}
