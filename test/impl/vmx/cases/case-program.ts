import { VMCS_FIELDS } from '../../../../src/impl/vmx/vmcs-fields.ts';
import { defined } from '../../../../src/units/invariant.ts';

/** Operations of the case hypervisor, with its numbers (src/guests/vmx-cases.asm). */
export const OP = {
  end: 0,
  vmwrite: 1,
  poke: 2,
  list: 3,
  launch: 4,
  resume: 5,
  vmclear: 6,
  vmptrld: 7,
  vmptrst: 8,
  vmread: 9,
  vmwriteLoud: 10,
  vmxoff: 11,
  vmxon: 12,
  invept: 13,
  invvpid: 14,
  vmcall: 15,
  wrmsr: 16,
  rdmsr: 17,
  cr0: 18,
  cr4: 19,
  register: 20,
  launchBlocked: 21,
  resumeBlocked: 22,
  invvpidAddress: 23,
  peek: 24,
  inveptReserved: 25,
  sweep: 26,
  userInstruction: 27,
  compatibilityInstruction: 28,
} as const;

export interface Op {
  readonly kind: number;
  readonly a: number;
  readonly b: bigint;
}

/** A program of the case hypervisor: the lists it starts from, then its own operations. */
export interface VmxCase {
  readonly name: string;
  readonly lists: readonly OpList[];
  readonly ops: readonly Op[];
}

export interface OpList {
  readonly name: string;
  readonly ops: readonly Op[];
}

const encodings = new Map(VMCS_FIELDS.map(({ name, encoding }) => [name, encoding]));
const MASK64 = 0xffff_ffff_ffff_ffffn;

export const op = (kind: number, a = 0, b: bigint | number = 0n): Op => ({ kind, a, b: BigInt(b) & MASK64 });
export const encodingOf = (field: string): number => defined(encodings.get(field), field);
export const vmwrite = (field: string, value: bigint | number): Op => op(OP.vmwrite, encodingOf(field), value);
export const poke = (address: number, value: bigint | number): Op => op(OP.poke, address, value);
export const launch = (exits = 1, resumeAfter: readonly number[] = []): Op =>
  op(
    OP.launch,
    exits,
    resumeAfter.reduce((bits, reason) => bits | (1n << BigInt(reason)), 0n),
  );

/** Bytes of machine code at an 8-byte-aligned address, filled up with VMCALL; HLT. */
export function code(address: number, ...bytes: readonly number[]): readonly Op[] {
  const all = [...bytes, 0x0f, 0x01, 0xc1, 0xf4];
  while (all.length % 8 !== 0) all.push(0xf4);
  return Array.from({ length: all.length / 8 }, (_, index) => {
    let value = 0n;
    for (let at = 7; at >= 0; at--) value = (value << 8n) | BigInt(all[index * 8 + at]!);
    return poke(address + index * 8, value);
  });
}

const OP_BYTES = 16;

/** The data behind the hypervisor's image: list and case offsets, then operations. */
export function caseData(cases: readonly VmxCase[]): Uint8Array {
  const lists = [...new Set(cases.flatMap(one => one.lists))];
  const bodies = [
    ...lists.map(list => list.ops),
    ...cases.map(one => [...one.lists.map(list => op(OP.list, lists.indexOf(list))), ...one.ops]),
  ];
  const header = 8 + 4 * bodies.length;
  const bytes = new Uint8Array(header + bodies.reduce((sum, ops) => sum + (ops.length + 1) * OP_BYTES, 0));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, lists.length, true);
  view.setUint32(4, cases.length, true);
  let at = header;
  bodies.forEach((ops, index) => {
    view.setUint32(8 + 4 * index, at, true);
    for (const { kind, a, b } of ops) {
      view.setUint16(at, kind, true);
      view.setUint32(at + 4, a, true);
      view.setBigUint64(at + 8, b, true);
      at += OP_BYTES;
    }
    at += OP_BYTES;
  });
  return bytes;
}

/** A transcript line per case, the capability lines before them apart. */
export interface CaseTranscript {
  readonly capabilities: readonly string[];
  readonly lines: readonly string[];
}

/** Splits what the hypervisor printed; a transcript without its last line is refused. */
export function readTranscript(text: string): CaseTranscript {
  const all = text.split('\n').filter(line => line !== '');
  if (all.pop() !== 'end') throw new Error('the transcript does not end with "end"');
  const capabilities = all.filter(line => line.startsWith('m'));
  const lines = all.filter(line => !line.startsWith('m'));
  return { capabilities, lines: lines.map(line => line.slice(line.indexOf(':') + 1).trim()) };
}
