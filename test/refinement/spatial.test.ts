import { describe, expect, it } from 'vitest';
import { PhysicalMemory } from '../../src/impl/memory.ts';
import { type AddressSpace, addressSpaceKind, buildAddressSpaces } from '../../src/impl/muen/address-spaces.ts';
import { type PagingOps, pagingOps } from '../../src/impl/paging-ops.ts';
import { type Grant, kernelGrants, subjectGrants } from '../../src/model/grants.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { checkSpace, MAX_DIFFERENCES, type SpaceUnderTest, type SpatialReport } from '../../src/refinement/spatial.ts';
import { createAtlas } from '../../src/refinement/spatial-atlas.ts';
import { hpa } from '../../src/units/address.ts';
import { goldenDocument, goldenMissing, goldenPageTables, goldenSystems } from '../impl/golden.ts';
import { type SmallForm, smallDocument } from '../impl/small-document.ts';
import { put } from '../impl/table-chain.ts';

/** The real tables of `owner`, loaded where the policy puts them. */
function loadedSpace(
  memory: PhysicalMemory,
  document: PolicyDocument,
  owner: string,
  bytes: Uint8Array,
  kind: AddressSpace['kind'],
): AddressSpace {
  const region = document.memory.find(candidate => candidate.name === `${owner}|pt`);
  if (region === undefined) throw new Error(`no region for ${owner}`);
  const root = hpa(region.physicalAddress);
  memory.writeBytes(root, bytes);
  return { kind, root, region: { physicalAddress: root, sizeBytes: region.sizeBytes } };
}

describe.skipIf(goldenMissing !== '')(`real tables against declared grants ${goldenMissing}`, () => {
  it.each(goldenSystems)('agree page by page: %s', folder => {
    const document = goldenDocument(folder);
    const real = goldenPageTables(folder);
    const memory = new PhysicalMemory();
    const atlas = createAtlas(document);
    const judge = (owner: string, kind: AddressSpace['kind'], rest: Omit<SpaceUnderTest, 'space'>): SpatialReport => {
      const bytes = real.get(owner);
      if (bytes === undefined) throw new Error(`no tables of ${owner}`);
      return checkSpace(memory, atlas, { ...rest, space: loadedSpace(memory, document, owner, bytes, kind) });
    };
    for (const subject of document.subjects) {
      const grants = subjectGrants(document, subject);
      const report = judge(subject.siblingOf ?? subject.name, addressSpaceKind(subject), {
        holder: subject.name,
        holderKind: 'subject',
        grants,
      });
      expect(report.differences).toEqual([]);
      expect(report.pages * 0x1000).toBe(grants.reduce((sum, grant) => sum + grant.sizeBytes, 0));
      expect(Math.min(report.writablePages, report.readOnlyPages, report.noExecutePages)).toBeGreaterThan(0);
    }
    for (const cpu of document.kernel.cpus) {
      const report = judge(`kernel_${cpu.id}`, 'ia32e', {
        holder: 'kernel',
        holderKind: 'kernel',
        grants: kernelGrants(document, cpu),
      });
      expect(report.differences).toEqual([]);
      expect(report.pages).toBeGreaterThan(20);
    }
  });

  it('find a single page of the demo system that is made writable', () => {
    const folder = 'systems/demo_system_vtd--qemu-kvm';
    const document = goldenDocument(folder);
    const memory = new PhysicalMemory();
    const subject = document.subjects.find(candidate => candidate.name === 'nic_linux');
    const bytes = goldenPageTables(folder).get('nic_linux');
    if (subject === undefined || bytes === undefined) throw new Error('the demo system has changed');
    const space = loadedSpace(memory, document, subject.name, bytes, 'ept');
    const isReadOnlyLeaf = (word: number): boolean => (word & 0x47) === 0x41;
    const words = new Uint32Array(bytes.slice().buffer);
    const index = words.findIndex((word, position) => position % 2 === 0 && isReadOnlyLeaf(word));
    memory.writePair(hpa(space.root + index * 4), (words[index]! | 2) >>> 0, words[index + 1]!);
    const report = checkSpace(memory, createAtlas(document), {
      holder: "subject 'nic_linux'",
      holderKind: 'subject',
      space,
      grants: subjectGrants(document, subject),
    });
    expect(report.differenceCount).toBe(1);
    expect(report.differences[0]).toMatchObject({ kind: 'too-permissive', sizeBytes: 0x1000 });
    const line = report.differences[0]?.policyLines[0];
    expect(report.differences[0]?.message).toContain(`writable, policy grants read-only (policy line ${line})`);
    const declaring = [...subject.memory, ...subject.devices.flatMap(device => device.memory)].map(
      mapping => mapping.at.line,
    );
    expect(declaring).toContain(line);
  });
});

/** Two subjects whose tables, in one page each level, hold leaves of every sort. */
const SMALL: SmallForm = {
  regions: [
    { name: 'native|pt', base: 0x10_0000, size: 0x4000, type: 'system_pt' },
    { name: 'vm|pt', base: 0x20_0000, size: 0x4000, type: 'system_pt' },
    { name: 'kernel_0|pt', base: 0x30_0000, size: 0x4000, type: 'system_pt' },
    { name: 'code', base: 0x50_0000, size: 0x1000, type: 'subject_binary' },
    { name: 'data', base: 0x50_1000, size: 0x2000 },
    { name: 'info', base: 0x50_4000, size: 0x1000, type: 'subject_info', line: 3 },
    { name: 'other|secret', base: 0x50_6000, size: 0x1000 },
    { name: 'native|vmcs', base: 0x50_7000, size: 0x1000, type: 'kernel_vmcs' },
    { name: 'sys_interface', base: 0x50_8000, size: 0x1000, type: 'kernel_interface' },
    { name: 'kernel_data', base: 0x50_9000, size: 0x1000, type: 'kernel_binary' },
  ],
  devices: [{ name: 'nic', memory: [{ name: 'mmio', base: 0xf000_0000, size: 0x1000, caching: 'UC' }] }],
  subjects: [false, true].map(ept => ({
    name: ept ? 'vm' : 'native',
    ept,
    memory: [
      { physical: 'code', va: 0, executable: true, line: 11 },
      { physical: 'data', va: 0x1000, writable: true, line: 12 },
      { physical: 'info', va: 0x7000, line: 13 },
    ],
    devices: [{ physical: 'nic', memory: [{ physical: 'mmio', va: 0x9000, writable: true, line: 14 }] }],
  })),
  kernels: [[{ physical: 'kernel_data', va: 0x1000, writable: true, line: 15 }]],
};

interface Judged {
  readonly memory: PhysicalMemory;
  readonly space: AddressSpace;
  check(): SpatialReport;
}

/** Builds the small system and prepares the judgement of one holder; `grants` replaces what the policy declares. */
function judged(
  name: string,
  options: { form?: SmallForm; paging?: PagingOps; grants?: readonly Grant[] } = {},
): Judged {
  const document = smallDocument(options.form ?? SMALL);
  const memory = new PhysicalMemory();
  const built = buildAddressSpaces(memory, document, options.paging ?? pagingOps);
  if (!built.ok) throw new Error(built.error[0]?.message);
  const subject = document.subjects.find(candidate => candidate.name === name);
  const cpu = document.kernel.cpus[0];
  const space = subject === undefined ? built.value.kernels.get(0) : built.value.subjects.get(name);
  if (space === undefined || cpu === undefined) throw new Error('no space');
  const grants =
    options.grants ?? (subject === undefined ? kernelGrants(document, cpu) : subjectGrants(document, subject));
  const underTest: SpaceUnderTest = {
    holder: `subject '${name}'`,
    holderKind: subject === undefined ? 'kernel' : 'subject',
    space,
    grants,
  };
  return { memory, space, check: () => checkSpace(memory, createAtlas(document), underTest) };
}

const grantsOf = (form: SmallForm, name: string): readonly Grant[] => {
  const document = smallDocument(form);
  const subject = document.subjects.find(candidate => candidate.name === name);
  return subject === undefined ? [] : subjectGrants(document, subject);
};

const kindsAndLines = (report: SpatialReport) =>
  report.differences.map(difference => [
    difference.kind,
    difference.address,
    difference.sizeBytes,
    difference.policyLines,
  ]);

describe.each(['native', 'vm'])('differences in the tables of %s', name => {
  it('are none when mechanism and policy agree', () => {
    expect(judged(name).check()).toMatchObject({
      differenceCount: 0,
      pages: 5,
      writablePages: 3,
      readOnlyPages: 2,
      executablePages: 1,
      noExecutePages: 4,
      leafCount: 5,
      tableCount: 4,
    });
  });

  const altered = (alter: (grant: Grant) => readonly Grant[]) =>
    judged(name, { grants: grantsOf(SMALL, name).flatMap(alter) }).check();

  it('name a page that the policy does not grant, and whose memory it is', () => {
    const report = altered(grant => (grant.line === 13 ? [] : [grant]));
    expect(kindsAndLines(report)).toEqual([['not-granted', 0x7000, 0x1000, [3]]]);
    expect(report.differences[0]?.message).toBe(
      `subject '${name}': page 0x0000_7000 maps hpa 0x0050_4000 (region 'info', type subject_info) read-only, although the policy grants nothing there`,
    );
  });

  it('name the part of a region that is granted beyond what is mapped', () => {
    const report = altered(grant => [grant.line === 12 ? { ...grant, sizeBytes: 0x3000 } : grant]);
    expect(kindsAndLines(report)).toEqual([['not-mapped', 0x3000, 0x1000, [12]]]);
  });

  it('name rights beyond and below the grant', () => {
    const report = altered(grant => [
      grant.line === 12 ? { ...grant, writable: false } : grant.line === 13 ? { ...grant, executable: true } : grant,
    ]);
    expect(kindsAndLines(report)).toEqual([
      ['too-permissive', 0x1000, 0x2000, [12]],
      ['too-restrictive', 0x7000, 0x1000, [13]],
    ]);
    expect(report.differences[0]?.message).toContain(
      "pages 0x0000_1000 .. 0x0000_2fff (2) maps hpa 0x0050_1000 (region 'data', type subject) writable, policy grants read-only (policy line 12)",
    );
  });

  it('name another frame than the granted one, and its owner', () => {
    const report = altered(grant => [grant.line === 13 ? { ...grant, pa: 0x50_6000 } : grant]);
    expect(kindsAndLines(report)).toEqual([['wrong-frame', 0x7000, 0x1000, [13]]]);
    expect(report.differences[0]?.message).toContain("region 'other|secret' of 'other'");
  });

  it('name another memory type', () => {
    expect(kindsAndLines(altered(grant => [grant.line === 14 ? { ...grant, caching: 'WB' } : grant]))).toEqual([
      ['caching', 0x9000, 0x1000, [14]],
    ]);
  });

  it('accept one of two overlapping grants', () => {
    expect(
      altered(grant => (grant.line === 12 ? [{ ...grant, writable: false }, grant] : [grant])).differenceCount,
    ).toBe(0);
  });

  it('name a table outside the region that the policy allocates', () => {
    const { memory, space, check } = judged(name);
    put(memory, space.root, 5, 0x50_6007n);
    const report = check();
    expect(kindsAndLines(report)).toEqual([['foreign-table', 0x50_6000, 0x1000, []]]);
    expect(report.differences[0]?.message).toContain(
      "region 'other|secret' of 'other', type subject) is used as a page table",
    );
  });

  it('are counted although only so many are kept', () => {
    const { memory, space, check } = judged(name);
    for (let index = 10; index < 510; index++)
      put(memory, space.root + 0x1000, index, BigInt(0x1_0000_0000 + index * 0x3000) | 0x77n);
    expect(check()).toMatchObject({ differenceCount: 500, differences: { length: MAX_DIFFERENCES } });
  });
});

describe('memory that confines its holder', () => {
  const withMapping = (name: string, physical: string, writable = true): SmallForm => ({
    ...SMALL,
    subjects: SMALL.subjects.map(subject =>
      subject.name === name
        ? { ...subject, memory: [...subject.memory, { physical, va: 0xa000, writable, line: 20 }] }
        : subject,
    ),
  });

  it.each(['native|pt', 'vm|pt', 'kernel_0|pt', 'native|vmcs', 'kernel_data'])(
    'may not be writable for a subject even if declared: %s',
    physical => {
      const report = judged('vm', { form: withMapping('vm', physical) }).check();
      expect(new Set(report.differences.map(difference => difference.kind))).toEqual(new Set(['control-structure']));
      expect(report.differences[0]?.message).toContain('which confines it (declared by policy line 20)');
    },
  );

  it('may be read where the policy says so, and the interface page may be written', () => {
    expect(judged('vm', { form: withMapping('vm', 'native|vmcs', false) }).check().differenceCount).toBe(0);
    expect(judged('vm', { form: withMapping('vm', 'sys_interface') }).check().differenceCount).toBe(0);
  });

  it('is found behind a harmless name when regions overlap in physical memory', () => {
    const form = withMapping('vm', 'alias');
    const report = judged('vm', {
      form: { ...form, regions: [...form.regions, { name: 'alias', base: 0x10_3000, size: 0x2000 }] },
    }).check();
    expect(kindsAndLines(report)).toEqual([['control-structure', 0xa000, 0x1000, [20, 0]]]);
  });

  it('is system memory for the kernel, which maps its own data', () => {
    expect(judged('kernel').check().differenceCount).toBe(0);
    const kernels = [[...SMALL.kernels![0]!, { physical: 'kernel_0|pt', va: 0x8000, writable: true, line: 21 }]];
    const report = judged('kernel', { form: { ...SMALL, kernels } }).check();
    expect(report.differences.map(difference => difference.kind)).toEqual(['control-structure']);
  });
});

describe('seeded faults of the builders', () => {
  const faults: readonly [string, string, Partial<PagingOps>, string][] = [
    [
      'IA-32e leaves always writable',
      'native',
      { encodeIa32eLeaf: (address, mapping) => pagingOps.encodeIa32eLeaf(address, { ...mapping, writable: true }) },
      'too-permissive',
    ],
    [
      'EPT leaves always executable',
      'vm',
      { encodeEptLeaf: (address, mapping) => pagingOps.encodeEptLeaf(address, { ...mapping, executable: true }) },
      'too-permissive',
    ],
    [
      'device memory cached',
      'vm',
      { encodeEptLeaf: (address, mapping) => pagingOps.encodeEptLeaf(address, { ...mapping, caching: 'WB' }) },
      'caching',
    ],
    [
      'frames off by one',
      'native',
      { encodeIa32eLeaf: (address, mapping) => pagingOps.encodeIa32eLeaf(hpa(address + 0x1000), mapping) },
      'wrong-frame',
    ],
    [
      'table index one bit short',
      'vm',
      { tableIndex: (address, level) => pagingOps.tableIndex(address, level) % 8 },
      'not-mapped',
    ],
    [
      'device memory forgotten',
      'vm',
      {
        collectSubjectMappings: (document, subject) =>
          pagingOps.collectSubjectMappings(document, { ...subject, devices: [] }),
      },
      'not-mapped',
    ],
  ];
  it.each(faults)('are found: %s', (_name, holder, ops, kind) => {
    const report = judged(holder, { paging: { ...pagingOps, ...ops } }).check();
    expect(report.differences.map(difference => difference.kind)).toContain(kind);
  });
});

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

/**
 * Bits whose flip changes nothing that these tables translate, with the reason.
 *
 * IA-32e (SDM Vol. 3A, "4-Level Paging and 5-Level Paging"): 2 U/S (supervisor accesses, no SMEP or SMAP), 5 A, 6 D (ignored in
 * table references), 8 G (CR4.PGE = 0) or ignored, 9-11 and 52-62 ignored (59-62 protection key with CR4.PKE = 1 only). In table
 * references also 3 PWT and 4 PCD: they type the access to the table itself.
 * EPT (SDM Vol. 3C, "EPT Translation Mechanism"): 8 and 9 (accessed and dirty, EPTP bit 6 = 0), 10 (mode-based execute control
 * off), 11 and 52-63 ignored (57, 58, 60, 61, 63 belong to features that Muen leaves off); 7 in a 4 KiB leaf.
 */
const IGNORED_BITS = {
  native: {
    table: [...range(2, 6), ...range(8, 11), ...range(52, 62)],
    leaf: [2, 5, 6, ...range(8, 11), ...range(52, 62)],
  },
  vm: { table: [...range(8, 11), ...range(52, 63)], leaf: [...range(7, 11), ...range(52, 63)] },
} as const;
/** With the PAT that Muen programs, entries 3 and 7 are both UC: the PAT bit of the UC leaf (entry 9) makes no difference. */
const UC_LEAF = 9;

describe.each(['native', 'vm'] as const)('each single-bit flip in the tables of %s', name => {
  const { memory, space, check } = judged(name);
  const clean = memory.snapshot();
  const flip = (table: number, index: number, bit: number): boolean => {
    const address = hpa(table + index * 8 + (bit >= 32 ? 4 : 0));
    const slot = memory.slotOf((table / 0x1000) as Parameters<PhysicalMemory['slotOf']>[0]);
    const word = index * 2 + (bit >= 32 ? 1 : 0);
    memory.writeWord(slot, word, (memory.readWordAt(address) ^ (1 << (bit % 32))) >>> 0);
    const isDetected = check().differenceCount > 0;
    memory.restore(clean);
    return isDetected;
  };
  const undetected = (table: number, index: number): number[] => range(0, 63).filter(bit => !flip(table, index, bit));

  it.each([
    ['PML4', 0x0],
    ['PD', 0x2000],
    ['PDPT', 0x3000],
  ])('of a %s entry is found or ignored by the CPU', (_level, offset) => {
    expect(undetected(space.root + offset, 0)).toEqual(IGNORED_BITS[name].table);
  });

  it.each([0, 1, 2, 7, UC_LEAF])('of leaf %i is found or ignored by the CPU', index => {
    const equalType = name === 'native' && index === UC_LEAF ? [7] : [];
    expect(undetected(space.root + 0x1000, index)).toEqual(
      [...IGNORED_BITS[name].leaf, ...equalType].sort((a, b) => a - b),
    );
  });

  it.each([
    ['PML4', 0x0],
    ['PT', 0x1000],
    ['PD', 0x2000],
    ['PDPT', 0x3000],
  ])('of an empty %s entry is found if it makes the entry present', (_level, offset) => {
    const present = name === 'native' ? [0] : [0, 1, 2];
    expect(undetected(space.root + offset, 100)).toEqual(range(0, 63).filter(bit => !present.includes(bit)));
  });
});
