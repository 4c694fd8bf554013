/** A column with this tag came without anybody saying what it is: `'*'` of a grant never reaches it. */
export const UNCLASSIFIED = 'unclassified';
