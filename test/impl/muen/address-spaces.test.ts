import { describe, expect, it } from 'vitest';
import { PhysicalMemory } from '../../../src/impl/memory.ts';
import { type AddressSpace, type AddressSpaces, buildAddressSpaces } from '../../../src/impl/muen/address-spaces.ts';
import { pagingOps } from '../../../src/impl/paging-ops.ts';
import { translateEpt } from '../../../src/impl/vmx/ept-walk.ts';
import { translateIa32e } from '../../../src/impl/x86/paging-walk.ts';
import type { PolicyDocument } from '../../../src/policy/document.ts';
import { frameOf, hpa, PAGE_SIZE_BYTES } from '../../../src/units/address.ts';
import { goldenDocument, goldenMissing, goldenPageTables, goldenSystems } from '../golden.ts';
import { type RegionForm, type SmallForm, smallDocument } from '../small-document.ts';

function build(document: PolicyDocument): { memory: PhysicalMemory; spaces: AddressSpaces } {
  const memory = new PhysicalMemory();
  const built = buildAddressSpaces(memory, document, pagingOps);
  if (!built.ok) throw new Error(built.error[0]?.message);
  return { memory, spaces: built.value };
}

/** Content of a physical region as one array. */
function readRegion(memory: PhysicalMemory, base: number, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  for (let offset = 0; offset < sizeBytes; offset += PAGE_SIZE_BYTES) {
    const slot = memory.findSlot(frameOf(hpa(base + offset)));
    if (slot >= 0) bytes.set(memory.bytes.subarray(slot * PAGE_SIZE_BYTES, (slot + 1) * PAGE_SIZE_BYTES), offset);
  }
  return bytes;
}

const spaceOf = (spaces: AddressSpaces, owner: string): AddressSpace | undefined => {
  const kernel = /^kernel_(\d+)$/.exec(owner);
  return kernel === null ? spaces.subjects.get(owner) : spaces.kernels.get(Number(kernel[1]));
};

describe.skipIf(goldenMissing !== '')(`tables of the real toolchain ${goldenMissing}`, () => {
  it('are there for seven systems and five written by hand', () => {
    expect(goldenSystems.filter(folder => folder.startsWith('systems/'))).toHaveLength(7);
    expect(goldenSystems.filter(folder => folder.startsWith('hand/'))).toHaveLength(5);
  });

  it.each(goldenSystems)('are byte-identical with ours: %s', folder => {
    const document = goldenDocument(folder);
    const { memory, spaces } = build(document);
    const real = goldenPageTables(folder);
    const ownTables = document.subjects.filter(subject => subject.siblingOf === undefined);
    expect(real.size).toBe(document.kernel.cpus.length + ownTables.length);
    for (const [owner, bytes] of real) {
      const space = spaceOf(spaces, owner);
      if (space === undefined) throw new Error(`no address space for ${owner}`);
      expect(bytes.length, owner).toBe(space.region.sizeBytes);
      const ours = readRegion(memory, space.region.physicalAddress, space.region.sizeBytes);
      expect(Buffer.compare(ours, bytes), `${owner} differs`).toBe(0);
    }
  });

  it('serve a sibling as they serve its origin, and declare the same for both', () => {
    const document = goldenDocument('systems/demo_system_desktop_smp--lenovo-t440s');
    const { spaces } = build(document);
    expect(spaces.subjects.get('linux_core1')).toBe(spaces.subjects.get('linux'));
    const declared = (name: string) =>
      document.subjects
        .filter(subject => subject.name === name)
        .flatMap(subject => [...subject.memory, ...subject.devices.flatMap(device => device.memory)])
        .map(({ logical, physical, virtualAddress, writable, executable }) => [
          logical,
          physical,
          virtualAddress,
          writable,
          executable,
        ])
        .sort();
    expect(declared('linux_core1')).toEqual(declared('linux'));
  });
});

const REGIONS: readonly RegionForm[] = [
  { name: 'native|pt', base: 0x10_0000, size: 0x10000, type: 'system_pt' },
  { name: 'vm|pt', base: 0x20_0000, size: 0x10000, type: 'system_pt' },
  { name: 'kernel_0|pt', base: 0x30_0000, size: 0x10000, type: 'system_pt' },
  { name: 'ram', base: 0x50_0000, size: 0x2000 },
];

const SMALL: SmallForm = {
  regions: REGIONS,
  devices: [{ name: 'nic', memory: [{ name: 'mmio', base: 0xf000_0000, size: 0x1000, caching: 'UC' }] }],
  subjects: [
    {
      name: 'native',
      memory: [{ physical: 'ram', va: 0x1000, writable: true }],
      devices: [{ physical: 'nic', memory: [{ physical: 'mmio', va: 0x8000, writable: true }] }],
    },
    { name: 'vm', ept: true, memory: [{ physical: 'ram', va: 0x4000 }] },
    { name: 'vm2', ept: true, siblingOf: 'vm', memory: [{ physical: 'ram', va: 0x4000 }] },
  ],
  kernels: [[{ physical: 'ram', va: 0x2000, executable: true }]],
  kernelDevices: [{ physical: 'nic', memory: [{ physical: 'mmio', va: 0x50_0000, writable: true }] }],
};

describe('address spaces of a small system', () => {
  it('choose the format by EnableEPT and map memory and devices', () => {
    const { memory, spaces } = build(smallDocument(SMALL));
    const native = spaces.subjects.get('native');
    const vm = spaces.subjects.get('vm');
    expect([native?.kind, vm?.kind, spaces.kernels.get(0)?.kind]).toEqual(['ia32e', 'ept', 'ia32e']);
    expect(translateIa32e(memory, hpa(0x10_0000), 0x2004, 'write')).toBe(0x50_1004);
    expect(translateIa32e(memory, hpa(0x10_0000), 0x8004, 'write')).toBe(0xf000_0004);
    expect(translateEpt(memory, hpa(0x20_0000), 0x4000, 'read')).toBe(0x50_0000);
    expect(translateIa32e(memory, hpa(0x30_0000), 0x2000, 'execute')).toBe(0x50_0000);
    expect(translateIa32e(memory, hpa(0x30_0000), 0x50_0000, 'write')).toBe(0xf000_0000);
    expect(spaces.subjects.get('vm2')).toBe(vm);
  });

  const findings = (form: SmallForm): readonly string[] => {
    const built = buildAddressSpaces(new PhysicalMemory(), smallDocument(form), pagingOps);
    return built.ok ? [] : built.error.map(finding => `${finding.code} ${finding.line}`);
  };
  const withNative = (physical: string, va: number): SmallForm => ({
    ...SMALL,
    subjects: [
      {
        name: 'native',
        memory: [
          { physical: 'ram', va: 0x1000, line: 7 },
          { physical, va, line: 9 },
        ],
      },
    ],
  });

  it.each<[string, SmallForm, string]>([
    ['a region that does not exist', withNative('ghost', 0x8000), 'PAGING-REFERENCE 9'],
    ['overlapping mappings', withNative('ram', 0x2000), 'PAGING-OVERLAP 9'],
    ['a misaligned mapping', withNative('ram', 0x8001), 'PAGING-ALIGNMENT 9'],
    ['an address beyond the format', withNative('ram', 2 ** 47), 'PAGING-ADDRESS-WIDTH 9'],
    ['no table region', { ...SMALL, regions: REGIONS.slice(1) }, 'PAGING-REGION-MISSING 0'],
    [
      'a table region of another type',
      {
        ...SMALL,
        regions: REGIONS.map(region =>
          region.name === 'native|pt' ? { ...region, type: 'subject' as const } : region,
        ),
      },
      'PAGING-REGION-MISSING 0',
    ],
    [
      'a table region that is too small',
      {
        ...SMALL,
        regions: REGIONS.map(region => (region.name === 'native|pt' ? { ...region, size: 0x1000 } : region)),
      },
      'PAGING-REGION-TOO-SMALL 0',
    ],
    [
      'a misaligned table region',
      {
        ...SMALL,
        regions: REGIONS.map(region => (region.name === 'native|pt' ? { ...region, base: 0x10_0800 } : region)),
      },
      'PAGING-ALIGNMENT 0',
    ],
    ['a device memory that does not exist', { ...SMALL, devices: [] }, 'PAGING-REFERENCE 0'],
    [
      'a sibling without origin',
      { ...SMALL, subjects: [{ name: 'vm2', siblingOf: 'ghost', memory: [] }] },
      'PAGING-SIBLING 0',
    ],
    [
      'a sibling of a sibling',
      { ...SMALL, subjects: [{ name: 'vm', siblingOf: 'vm', memory: [] }] },
      'PAGING-SIBLING 0',
    ],
    [
      'a sibling of another kind',
      {
        ...SMALL,
        subjects: [
          { name: 'vm', ept: true, memory: [] },
          { name: 'vm2', siblingOf: 'vm', memory: [] },
        ],
      },
      'PAGING-SIBLING 0',
    ],
  ])('are refused for %s', (_name, form, expected) => {
    expect(findings(form)).toContain(expected);
  });
});
