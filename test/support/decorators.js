// `node --import ./test/support/decorators.js file.ts`: as typescript.js, for files with decorators too, which Node can't
// take away by itself. The compiler comes with vitest, and so does its reading of tsconfig.json.
import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'rolldown/utils';
import './typescript.js';

// What compiled decorators call: reflect-metadata does the work.
globalThis.babelHelpers = {
  decorate(decorators, target, key, given) {
    if (key === undefined) return Reflect.decorate(decorators, target);
    // As TypeScript has it: null stands for a method's descriptor, to be looked up; a field has none.
    const descriptor = given === null ? Object.getOwnPropertyDescriptor(target, key) : given;
    const result = Reflect.decorate(decorators, target, key, descriptor);
    if (result) Object.defineProperty(target, key, result);
    return result;
  },
  decorateMetadata: (key, value) => Reflect.metadata(key, value),
  decorateParam: (index, decorator) => (target, key) => decorator(target, key, index),
};

registerHooks({
  load(url, context, next) {
    if (!url.startsWith('file:') || !url.endsWith('.ts') || url.includes('/node_modules/')) return next(url, context);
    const file = fileURLToPath(url);
    const { code, errors } = transformSync(file, readFileSync(file, 'utf8'), {
      lang: 'ts',
      helpers: { mode: 'External' },
      decorator: { legacy: true, emitDecoratorMetadata: true },
      typescript: { onlyRemoveTypeImports: true },
      assumptions: { setPublicClassFields: true },
      tsconfig: false,
    });
    if (errors.length > 0) throw errors[0];
    return { format: 'module', source: code, shortCircuit: true };
  },
});
