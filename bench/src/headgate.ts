/**
 * The compiled program that is measured, with the types of its source. It is imported by address, since it has no
 * package of its own that this one could depend on.
 */
const DIST = new URL('../../dist/src/', import.meta.url);

export async function headgateApp(): Promise<typeof import('../../src/app.js')> {
  return (await load('app.js')) as typeof import('../../src/app.js');
}

export async function headgateConfig(): Promise<typeof import('../../src/config/index.js')> {
  return (await load('config/index.js')) as typeof import('../../src/config/index.js');
}

export async function headgateStore(): Promise<typeof import('../../src/store/index.js')> {
  return (await load('store/index.js')) as typeof import('../../src/store/index.js');
}

export async function headgateJobs(): Promise<typeof import('../../src/jobs/index.js')> {
  return (await load('jobs/index.js')) as typeof import('../../src/jobs/index.js');
}

export async function headgateCatalog(): Promise<typeof import('../../src/catalog/index.js')> {
  return (await load('catalog/index.js')) as typeof import('../../src/catalog/index.js');
}

export async function headgateClassification(): Promise<typeof import('../../src/classification/index.js')> {
  return (await load('classification/index.js')) as typeof import('../../src/classification/index.js');
}

export async function headgateIdentity(): Promise<typeof import('../../src/identity/index.js')> {
  return (await load('identity/index.js')) as typeof import('../../src/identity/index.js');
}

async function load(path: string): Promise<unknown> {
  const url = new URL(path, DIST);
  // Decorated classes need it before they are defined.
  await import('reflect-metadata');
  try {
    return await import(url.href);
  } catch (cause) {
    throw new Error(`${url.pathname} can't be loaded. Run "npm run build" in the project's folder first.`, { cause });
  }
}
