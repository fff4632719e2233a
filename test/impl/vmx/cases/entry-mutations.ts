import { createRng } from '../../../../src/units/rng.ts';
import { launch, type Op, type VmxCase, vmwrite } from './case-program.ts';
import { controlCases, hostCases, injectionCases } from './control-mutations.ts';
import { registerCases, segmentCases } from './guest-mutations.ts';
import { ENTRY_MSR_LOAD, LONG, msrEntry, PROFILES } from './profiles.ts';

/* VMCS mutations: each case is a profile, a few changed fields or memory words, and one VMLAUNCH. */

/** MSR areas of VM entry: which MSRs and values stop the entry, and at which place. */
function msrLoadCases(): VmxCase[] {
  const entries: readonly (readonly [name: string, msr: number, value: bigint, reserved?: number])[] = [
    ['FS base', 0xc000_0100, 0n],
    ['GS base', 0xc000_0101, 0n],
    ['kernel GS base', 0xc000_0102, 0x1234n],
    ['kernel GS base, not canonical', 0xc000_0102, 0x8000_0000_0000n],
    ['STAR', 0xc000_0081, 0x8_0000_0000n],
    ['LSTAR', 0xc000_0082, 0x1234n],
    ['LSTAR, not canonical', 0xc000_0082, 0x8000_0000_0000n],
    ['FMASK', 0xc000_0084, 0x200n],
    ['SYSENTER_CS', 0x174, 8n],
    ['SYSENTER_ESP, not canonical', 0x175, 0x8000_0000_0000n],
    ['PAT', 0x277, 0x0007_0406_0007_0406n],
    ['PAT, reserved type', 0x277, 2n],
    ['x2APIC', 0x808, 0n],
    ['x2APIC last', 0x8ff, 0n],
    ['SMM monitor', 0x9b, 0n],
    ['feature control', 0x3a, 5n],
    ['VMX capability', 0x480, 0n],
    ['no such MSR', 0x1234, 0n],
    ['reserved bits', 0xc000_0081, 0n, 1],
    ['TSC', 0x10, 0x1_0000n],
    ['TSC_AUX', 0xc000_0103, 1n],
  ];
  const count = (n: number): Op[] => [
    vmwrite('ENTRY_MSR_LOAD_COUNT', n),
    vmwrite('ENTRY_MSR_LOAD_ADDRESS', ENTRY_MSR_LOAD),
  ];
  const good = (index: number): readonly Op[] => msrEntry(ENTRY_MSR_LOAD, index, 0xc000_0081, 0n);
  return entries.flatMap(([name, msr, value, reserved = 0]) =>
    [0, 2].map(place => ({
      name: `long: MSR load ${name} at ${place}`,
      lists: [LONG],
      ops: [
        ...Array.from({ length: place }, (_, index) => good(index)).flat(),
        ...msrEntry(ENTRY_MSR_LOAD, place, msr, value, reserved),
        ...count(place + 1),
        launch(),
      ],
    })),
  );
}

/** Two mutations at once: which failure wins. Ones that could leave a guest without its timer are left out. */
function pairCases(single: readonly VmxCase[], count: number): VmxCase[] {
  const usable = single.filter(one => !/PIN_CONTROLS|ACTIVITY|MSR load|LINK_POINTER/.test(one.name));
  const random = createRng(5);
  const pick = (): VmxCase => usable[random.below(usable.length)]!;
  const list: VmxCase[] = [];
  while (list.length < count) {
    const [first, second] = [pick(), pick()];
    if (first === second || first.lists[0] !== second.lists[0]) continue;
    list.push({
      name: `${first.name} + ${second.name}`,
      lists: first.lists,
      ops: [...first.ops.slice(0, -1), ...second.ops.slice(0, -1), launch()],
    });
  }
  return list;
}

/** Bochs 2.7 stops at an injected event of type 7 (pending MTF), which it does not implement, and waits for ever for a SIPI. */
const stopsBochs = (one: VmxCase): boolean => /GUEST_ACTIVITY=3$|ENTRY_INTERRUPT_INFO=800007.. /.test(one.name);

/** Every mutation, in a fixed order. */
export function entryCases(): readonly VmxCase[] {
  const profiles = PROFILES.map(profile => ({ name: `${profile.name}: as it is`, lists: [profile], ops: [launch()] }));
  const single = [...controlCases(), ...injectionCases(), ...hostCases(), ...segmentCases(), ...registerCases()];
  return [...profiles, ...single, ...msrLoadCases(), ...pairCases(single, 600)].filter(one => !stopsBochs(one));
}
