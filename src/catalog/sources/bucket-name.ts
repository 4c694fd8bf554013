/**
 * Why a text is no bucket's name; undefined for one that is. It becomes part of a host's name or of a path, so that nothing else may
 * stand in it. Amazon's own rules (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html) are narrower than those of other stores.
 */
export function bucketProblem(name: string, isAmazon: boolean): string | undefined {
  if (name.length < 3 || name.length > 63) return 'a bucket has a name of 3 to 63 characters';
  if (name.includes('..')) return 'the name of a bucket has no two dots beside each other';
  if (!isAmazon) return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) ? undefined : 'the name of a bucket is of letters, digits, dots, dashes and underscores';
  if (!/^[a-z0-9][a-z0-9.-]*[a-z0-9]$/.test(name))
    return 'the name of a bucket is of small letters, digits, dots and dashes, and begins and ends with a letter or digit';
  return /^\d+(\.\d+){3}$/.test(name) ? 'the name of a bucket is no address' : undefined;
}

/** The parts of `s3://bucket/prefix`; nothing where there is no bucket. */
export function bucketOf(url: string): { readonly bucket: string; readonly prefix: string } {
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]*)\/?(.*)$/s.exec(url) ?? [];
  return { bucket, prefix };
}

/** Whether a name has a part that stands for another folder: whoever puts URLs together follows it. */
export function leadsElsewhere(name: string): boolean {
  return name.split('/').some((part) => part === '.' || part === '..');
}
