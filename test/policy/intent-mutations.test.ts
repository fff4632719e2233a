import { describe, expect, it } from 'vitest';
import { inferIntent } from '../../src/policy/intent.ts';
import { goldenGzip, goldenJson, haveGolden, needsGolden, parse } from './intent-editing.ts';

interface Mutation {
  readonly nr: number;
  readonly mutation: string;
  readonly verdict: string;
}

/**
 * What the intent rules say about the corrupted policies that the real validator accepts.
 * The empty ones are no matter of who shares what: CPU state, interrupt vectors, sizes of tables, missing mappings.
 */
const ACCEPTED: Readonly<Record<number, readonly string[]>> = {
  7: [], // region of size zero
  21: ['INTENT-CHANNEL-READER-WRITES'], // second writer of a channel, by its reader
  23: ['INTENT-CHANNEL-NO-WRITER'], // writer of a channel removed
  25: ['INTENT-CHANNEL-EXECUTABLE'], // channel mapped executable and writable
  27: ['INTENT-SCHEDULING-INFO-WRITABLE'], // scheduling info mapped writable
  29: [], // subject info not mapped
  49: [], // page-table region too small
  71: [], // one vector for a device and an event
  73: [], // vector in the exception range
  75: [], // one vector twice
  89: [], // duplicate APIC id
  97: [], // PCI device without a domain: its DMA is blocked
  129: [], // CR4.VMXE cleared without a loader
  131: [], // CR0.PG cleared
  149: [], // EFER loaded but not stored
  153: [], // CR0.PG owned by the guest
  157: [], // instruction pointer outside the text
  159: ['INTENT-MONITOR-OUTSIDE-PARTITION'], // state of another partition mapped
  161: [], // hash reference to nothing
  167: [], // I/O APIC not mapped by the kernel
  169: ['INTENT-CHANNEL-NO-WRITER'], // writer of a channel made read-only
  171: [], // vector of another event
  173: ['INTENT-PRIVATE-REGION'], // stack of another subject mapped
};

describe.skipIf(!haveGolden)(`corrupted policies that the real validator accepts${needsGolden}`, () => {
  const all = haveGolden ? (goldenJson('mutations/index.json') as readonly Mutation[]) : [];
  const accepted = all.filter(({ verdict }) => verdict === 'accepted');

  it('are all in the table', () => {
    expect(accepted.map(({ nr }) => nr)).toEqual(Object.keys(ACCEPTED).map(Number));
  });

  it.each(accepted)('$nr: $mutation', ({ nr }) => {
    const intent = inferIntent(parse(goldenGzip(`mutations/${String(nr).padStart(3, '0')}.xml.gz`)));
    const found = [...intent.violations, ...intent.warnings].map(({ code }) => code);
    expect(found.filter(code => code !== 'INTENT-SHARED-DOMAIN')).toEqual(ACCEPTED[nr]);
  });

  it('none that is rejected makes the inference fail', () => {
    for (const { nr, verdict } of all) {
      if (verdict === 'accepted') continue;
      const source = goldenGzip(`mutations/${String(nr).padStart(3, '0')}.xml.gz`);
      try {
        expect(inferIntent(parse(source)).examined).toBeGreaterThan(0);
      } catch (error) {
        // The parser may refuse a file; only the inference must not.
        expect(String(error)).toMatch(/^Error: \d+: /);
      }
    }
  });
});
