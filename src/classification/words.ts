/** Whether a column's name has one of the words in it, alone or with others around: `mobile` is in `mobile_no` and in `mobile2`. */
export function hasWord(words: readonly string[]): (name: string) => boolean {
  const pattern = new RegExp(`(?:^|_)(?:${words.join('|')})(?:_|\\d|$)`);
  return (name) => pattern.test(name);
}

/** Whether the whole name is one of these. */
export function isWord(words: readonly string[]): (name: string) => boolean {
  const pattern = new RegExp(`^(?:${words.join('|')})\\d?$`);
  return (name) => pattern.test(name);
}
