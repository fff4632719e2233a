import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { freshFolder, ROOT, runCli } from '../cli/spawn.ts';

const FAULT_MODULE = pathToFileURL(join(ROOT, 'src/faults/fault.ts')).href;

/** A user's module with one fault of the kernel, as the README shows it. */
function userModule(entries: string): string {
  const path = join(freshFolder(), 'mine.ts');
  writeFileSync(
    path,
    `import { defineFault } from '${FAULT_MODULE}';
export default defineFault({
  id: 'mine',
  title: 'a fault of my own',
  seam: 'kernel',
  precedent: 'none: made for a test',
  killedBy: ['scheduling/step-refinement'],
  apply: seams => ({ ...seams, kernel: { ...seams.kernel, ${entries} } }),
});
`,
  );
  return path;
}

interface Matrix {
  readonly faults: readonly {
    readonly killed: boolean;
    readonly by: string | null;
    readonly counterexample: { readonly operations: number } | null;
  }[];
}

async function findMine(entries: string): Promise<{ readonly module: string; readonly folder: string }> {
  const module = userModule(entries);
  const folder = freshFolder();
  const result = await runCli(['faults', '--from', module, '--json', '--runs', '64', '--jobs', '1', '--out', folder], {
    real: true,
  });
  expect(result.code, result.stderr).toBe(0);
  const { faults } = JSON.parse(result.stdout) as Matrix;
  expect(faults).toMatchObject([{ id: 'mine', killed: true, by: 'scheduling/step-refinement' }]);
  expect(faults[0]!.counterexample!.operations).toBeLessThanOrEqual(12);
  return { module, folder };
}

describe("a fault of the user's own module", () => {
  test('is found, and its trace replays in another process if the module is named', async () => {
    const { module, folder } = await findMine('incrementRip: () => {}');
    const trace = join(folder, 'fault-mine.trace.json');
    const alone = await runCli(['replay', trace], { real: true });
    expect(alone).toMatchObject({ code: 2 });
    expect(await runCli(['replay', trace, '--from', module], { real: true })).toMatchObject({ code: 0 });
  });

  test.each([
    ['raises an exception', "incrementRip: () => { throw new Error('out of range'); }"],
    ['never ends', '*handleTrap() { for (;;) yield 2 as const; }'],
    [
      'waits without an interleaving point',
      'incrementRip(kernel, subject) { while (kernel.memory.readWord(kernel.at.stateSlots[subject]!, 41) !== 7); }',
    ],
    ['delivers one event for ever', '*consumeEvent() { yield 3 as const; return 0; }'],
    [
      'spins at a barrier that nobody releases',
      // The all-CPU barrier works, else the kernel would not even boot.
      '*waitBarrier(kernel, cpu, barrier) { if (barrier === 0) yield* seams.kernel.waitBarrier(kernel, cpu, 0); else for (;;) yield 12 as const; }',
    ],
  ])('whose kernel code %s is a refutation and not an internal error', async (_, entries) => {
    await findMine(entries);
  });

  test.each([
    ["resetState: () => { throw new Error('no state'); }", 'the kernel fails at boot: no state'],
    ['*waitBarrier() { for (;;) yield 12 as const; }', 'the kernel fails at boot: '],
    [
      'resetState: kernel => { while (kernel.memory.readWord(0, 0) !== 7); }',
      'the kernel fails at boot: more than 4194304 memory accesses without an end',
    ],
  ])('with which the kernel does not even boot says so, and is no verdict: %s', async (entries, message) => {
    const module = userModule(entries);
    const result = await runCli(['faults', '--from', module, '--runs', '8', '--jobs', '1', '--no-color'], {
      real: true,
    });
    expect(result.code).toBe(4);
    expect(result.stdout).toContain(message);
  });
});
