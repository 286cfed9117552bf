import { relative, sep } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The longest first: begun last, one of them alone would keep a whole run waiting. By size alone they look short. */
export const slowest: readonly string[] = [
  'packages/cli/test/online.test.ts',
  'bench/test/bench.long.test.ts',
  'packages/cli/test/demo.long.test.ts',
  'packages/device/test/agent-kill.long.test.ts',
  'tools/test/docs.long.test.ts',
  'packages/policy/test/prove.property.long.test.ts',
  'packages/testkit/test/kill.long.test.ts',
  'packages/cli/test/serve.test.ts',
  'packages/server/test/storage/sqlite.test.ts',
  'packages/server/test/policies/guardrails.test.ts',
  'packages/cli/test/release.test.ts',
  'packages/device/test/renewal.test.ts',
  'packages/server/test/gateway/grace.test.ts',
  'packages/server/test/ddi/ddi.test.ts',
  'packages/server/test/e2e/lost-storage.long.test.ts',
  'packages/server/test/storage/durability.long.test.ts',
  'packages/server/test/e2e/kill-between-steps.long.test.ts',
  'packages/cli/test/usage.test.ts',
  'packages/device/test/processes.long.test.ts',
];

/** The order of the test files, also where no earlier run has measured them. */
export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => this.#rank(a) - this.#rank(b));
  }

  #rank({ moduleId }: TestSpecification): number {
    const file = relative(this.ctx.config.root, moduleId).split(sep).join('/');
    const place = slowest.indexOf(file);
    return place < 0 ? slowest.length : place;
  }
}
