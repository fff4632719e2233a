import { FRAME_WORDS } from '../memory.ts';
import type { CpuState } from '../x86/cpu-state.ts';
import { Field, SEGMENT_BYTES, SegmentField } from '../x86/state-layout.ts';
import { vmcsWord } from './vmcs.ts';
import type { VmxUnit } from './vmx-unit.ts';

/** A field of a VMCS and where the processor keeps it: one or two 32-bit words. */
interface Transfer {
  readonly vmcs: number;
  readonly state: number;
  readonly words: 1 | 2;
}

const one = (vmcs: string, state: number): Transfer => ({ vmcs: vmcsWord(vmcs), state, words: 1 });
const two = (vmcs: string, state: number): Transfer => ({ vmcs: vmcsWord(vmcs), state, words: 2 });

const SEGMENTS = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'LDTR', 'TR'];

const segmentTransfers = SEGMENTS.flatMap((name, index) => {
  const at = Field.segments + index * SEGMENT_BYTES;
  return [
    one(`GUEST_${name}_SELECTOR`, at + SegmentField.selector),
    two(`GUEST_${name}_BASE`, at + SegmentField.base),
    one(`GUEST_${name}_LIMIT`, at + SegmentField.limit),
    one(`GUEST_${name}_ACCESS`, at + SegmentField.rights),
  ];
});

/** Guest state that every VM entry loads and every VM exit saves as it is (SDM Vol. 3C, "Guest Register State"). */
const GUEST_TRANSFERS: readonly Transfer[] = [
  two('GUEST_CR3', Field.cr3),
  two('GUEST_CR4', Field.cr4),
  two('GUEST_RSP', 4 * 8),
  two('GUEST_RIP', Field.rip),
  ...segmentTransfers,
  two('GUEST_GDTR_BASE', Field.gdtrBase),
  one('GUEST_GDTR_LIMIT', Field.gdtrLimit),
  two('GUEST_IDTR_BASE', Field.idtrBase),
  one('GUEST_IDTR_LIMIT', Field.idtrLimit),
  one('GUEST_SYSENTER_CS', Field.sysenterCs),
  two('GUEST_SYSENTER_ESP', Field.sysenterEsp),
  two('GUEST_SYSENTER_EIP', Field.sysenterEip),
];

const vmcsWords = (list: readonly Transfer[]): Uint16Array =>
  Uint16Array.from(list.flatMap(({ vmcs, words }) => (words === 1 ? [vmcs] : [vmcs, vmcs + 1])));
const stateWords = (list: readonly Transfer[]): Uint16Array =>
  Uint16Array.from(list.flatMap(({ state, words }) => (words === 1 ? [state / 4] : [state / 4, state / 4 + 1])));

const FROM = vmcsWords(GUEST_TRANSFERS);
const TO = stateWords(GUEST_TRANSFERS);

/** Copies the plain part of the guest state from the current VMCS to the processor. */
export function loadGuestRegisters(unit: VmxUnit, state: CpuState): void {
  const { words } = unit.memory;
  const vmcs = unit.slot * FRAME_WORDS;
  const base = state.base >>> 2;
  for (let index = 0; index < FROM.length; index++) words[base + TO[index]!] = words[vmcs + FROM[index]!]!;
}

/** Copies the plain part of the guest state from the processor to the current VMCS. */
export function saveGuestRegisters(unit: VmxUnit, state: CpuState): void {
  unit.memory.touch(unit.slot);
  const { words } = unit.memory;
  const vmcs = unit.slot * FRAME_WORDS;
  const base = state.base >>> 2;
  for (let index = 0; index < FROM.length; index++) words[vmcs + FROM[index]!] = words[base + TO[index]!]!;
}
