import { describe, expect, it } from 'vitest';
import { tableBitFlips } from '../../../properties/meta/table-bit-flips.ts';
import { toTrace } from '../../../src/engine/counterexample.ts';
import type { CheckContext } from '../../../src/engine/property.ts';
import type { PolicyDocument } from '../../../src/policy/document.ts';
import { createAtlas } from '../../../src/refinement/spatial-atlas.ts';
import { flipTargets, judgedText, tryFlip } from '../../../src/refinement/structures/bit-flips.ts';
import { placeFiles } from '../../../src/refinement/structures/given.ts';
import { goldenDocument, goldenMissing } from '../../impl/golden.ts';
import { goldenFiles } from '../../impl/muen/structures/golden-files.ts';
import { asGiven, ownTables } from '../isolation/own-tables.ts';
import { scenarioContext } from '../scenario-context.ts';

const context = scenarioContext('device-domains');
const { document } = context;

function worldOf(policy: PolicyDocument) {
  const placed = placeFiles(policy, asGiven(ownTables(policy)));
  const sizeOf = (region: string): number => placed.files.get(region)?.bytes.length ?? 0;
  const world = { document: policy, memory: placed.memory, atlas: createAtlas(policy), sizeOf };
  return { world, targets: flipTargets(world, region => placed.files.has(region)) };
}

describe('single-bit flips', () => {
  const { world, targets } = worldOf(document);
  const outcome = (region: string, offset: number, bit: number) => {
    const target = targets.find(candidate => candidate.region.name === region)!;
    return tryFlip(world, target, offset, bit, judgedText(world, target));
  };

  it('cover every file that a toolchain generates', () => {
    const names = targets.map(({ region }) => region.name.replaceAll('|', '_')).sort();
    expect(names).toEqual([...ownTables(document).keys()].sort());
  });

  it.each([
    ['net|iobm', 0x60 >>> 3, 0, ''],
    ['net|msrbm', 0, 0, ''],
    ['net|msrstore', 0, 1, ''],
    ['disk|sinfo', 8, 0, ''],
    ['vtd_root', 0, 0, ''],
    ['vtd_root', 16, 1, 'entry that is not present'],
    ['vtd_ir', 19 * 16, 5, ''],
    ['vtd_ir', 19 * 16 + 1, 0, 'ignored by the hardware'],
    ['vtd_context_bus_0', 31 * 8 * 16 + 8, 3, 'ignored by the hardware'],
    ['disk|pt', 0, 5, 'accessed, dirty or global flag'],
    ['disk|pt', 0, 1, ''],
    ['net|pt', 6, 4, 'ignored by the hardware'],
  ] as const)('%s offset %i bit %i', (region, offset, bit, ignored) => {
    expect(outcome(region, offset, bit)).toEqual({ detected: ignored === '', ignored });
  });

  it('leave the structure as it was', () => {
    for (const target of targets)
      expect(JSON.parse(judgedText(world, target)).every(([count]: [number]) => count === 0)).toBe(true);
  });
});

describe('meta/table-bit-flips', () => {
  const run = (given: CheckContext, flips: number) =>
    tableBitFlips.runTask(given, { property: tableBitFlips.id, index: 0, slice: { flips } });

  it('finds or excuses every bit of our own tables, and counts them by kind', () => {
    const result = run(context, 200);
    expect(result.failure).toBeUndefined();
    expect(result.runs).toBe(200);
    for (const kind of ['ept', 'ia32e', 'dma', 'system_iobm', 'system_msrbm', 'subject_info', 'kernel_msrstore'])
      expect(result.witnesses[`${kind}: detected`], kind).toBeGreaterThan(0);
  });

  it('replays the flip that a summary names, and nothing else', () => {
    const replayed = (summary: string) => {
      const outcome = { summary, explanation: [], policyLines: [], timeline: [], digests: [] };
      const origin = { tool: 'test', policyPath: '', policySha256: '', policyGzipBase64: '', seed: 1 };
      return tableBitFlips.replay(context, toTrace(tableBitFlips.id, { body: { kind: 'static' }, outcome }, origin));
    };
    expect(replayed('bit 5 at offset 0x0 of disk_pt changes')).toBeUndefined();
    expect(replayed('bit 0 at offset 0xffffff of disk_pt changes')).toBeUndefined();
    expect(replayed('nothing')).toBeUndefined();
  });

  it.skipIf(goldenMissing !== '')(`holds over real tables ${goldenMissing}`, () => {
    const folder = 'hand/h06_devices';
    const tables = [...goldenFiles(folder)].map(([name, bytes]) => ({ name, bytes }));
    const result = run({ ...context, document: goldenDocument(folder), tables }, 100);
    expect([result.runs, result.failure]).toEqual([100, undefined]);
    expect(result.witnesses.detected).toBeGreaterThan(20);
  });
});
