import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const PROJECT = resolve(import.meta.dirname, '../..');

/** One finding of the linter: `src/kernel/bad.ts`, `headgate(floors)`, and its sentence. */
export interface Finding {
  readonly file: string;
  readonly rule: string;
  readonly message: string;
}

/** What the linter says of a copy of the project in which `planted` files (path -> text) were put. */
export async function lintWith(planted: Readonly<Record<string, string>>): Promise<Finding[]> {
  const copy = await mkdtemp(join(tmpdir(), 'headgate-lint-'));
  try {
    for (const part of ['src', 'migrations', 'lint', '.oxlintrc.json', 'tsconfig.json', 'package.json']) {
      await cp(join(PROJECT, part), join(copy, part), { recursive: true });
    }
    await symlink(join(PROJECT, 'node_modules'), join(copy, 'node_modules'));
    for (const [path, text] of Object.entries(planted)) {
      await mkdir(dirname(join(copy, path)), { recursive: true });
      await writeFile(join(copy, path), text);
    }
    return await lint(copy, ['--type-aware', ...Object.keys(planted)]);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** What the linter says of the program as it is, as far as it can be told without types: `npm run lint` tells the rest. */
export async function lintProject(): Promise<Finding[]> {
  return lint(PROJECT, ['src', 'migrations']);
}

async function lint(folder: string, args: readonly string[]): Promise<Finding[]> {
  const linter = join(PROJECT, 'node_modules/oxlint/bin/oxlint');
  const output = await new Promise<string>((done, fail) => {
    execFile(process.execPath, [linter, '-f', 'json', ...args], { cwd: folder, maxBuffer: 64 * 1024 * 1024 }, (error, stdout) => {
      // It ends with 1 when it has findings, and prints no JSON when it could not run.
      if (stdout.trimStart().startsWith('{')) done(stdout);
      else fail(error ?? new Error(stdout));
    });
  });
  const { diagnostics } = JSON.parse(output) as { diagnostics: { filename: string; code: string; message: string }[] };
  return diagnostics.map(({ filename, code, message }) => ({ file: filename, rule: code, message }));
}
