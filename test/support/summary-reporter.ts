import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Says of every test that was left out why, so that a green run on a bare machine does not promise more than it did; ends with what failed, in a line each, and the counts. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string): number => tests.filter((test) => test.result().state === state).length;
    // A module that could not be loaded has no tests, and has failed all the same.
    const broken = modules.filter((module) => module.state() === 'failed' && [...module.children.allTests('failed')].length === 0).length;
    const skipped = tests.filter((test) => test.result().state === 'skipped' && reasonOf(test));
    for (const test of skipped) console.log(` skipped  ${test.module.relativeModuleId} > ${test.fullName}: ${reasonOf(test)}`);
    for (const test of tests) {
      const result = test.result();
      if (result.state === 'failed') console.log(` failed  ${test.module.relativeModuleId} > ${test.fullName}: ${firstLine(result.errors[0]?.message)}`);
    }
    for (const module of modules) for (const { message } of module.errors()) console.log(` failed  ${module.relativeModuleId}: ${firstLine(message)}`);
    console.log(`${count('passed')} passed, ${count('failed') + broken} failed, ${count('skipped')} skipped`);
  }
}

function firstLine(message = 'without a message'): string {
  return message.split('\n', 1).join();
}

/** Undefined where the test was left out by a filter of the command line. */
function reasonOf(test: TestCase): string | undefined {
  const result = test.result();
  if (result.state !== 'skipped') return undefined;
  return result.note ?? (test.options.mode === 'skip' || test.options.mode === 'todo' ? 'marked so, without a reason' : undefined);
}
