import { hex2, type RowDraft, row, type Semantics } from './row.ts';

/** Instruction groups that the processor names but does not have: they raise #UD (x87: #NM while CR0.EM or CR0.TS). */
const invalid: Semantics = b => b.fault(6);
const noCoprocessor: Semantics = b => b.helper('coprocessor');

const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, n) => first + n);

const group = (name: string, map: string, opcodes: readonly number[], semantics = invalid): RowDraft[] =>
  opcodes.map(opcode => row(`${map}${hex2(opcode)} /r`, name, 'E', semantics, { class: 'unsupported' }));

/** Named unsupported groups. */
export const UNSUPPORTED_ROWS: readonly RowDraft[] = [
  ...group('x87', '', range(0xd8, 0xdf), noCoprocessor),
  row('9B', 'x87', '', noCoprocessor, { class: 'unsupported' }),
  ...group('sse', '0F ', [
    ...range(0x10, 0x17),
    ...range(0x28, 0x2f),
    ...range(0x50, 0x7f),
    0xc2,
    0xc3,
    ...range(0xc4, 0xc6),
  ]),
  ...group('sse', '0F ', range(0xd0, 0xfe)),
  row('0F 77', 'mmx', '', invalid, { class: 'unsupported' }),
  row('0F 0E', '3dnow', '', invalid, { class: 'unsupported' }),
  ...group('3dnow', '0F ', [0x0f]),
  ...group('cache-control', '0F ', [0x0d]),
  ...group('state-save', '0F ', [0xae]),
  ...group('system-extension', '0F ', [0x00, 0x01, 0xc7]),
  ...group('sse', '0F38 ', [...range(0x00, 0x81), ...range(0x83, 0xff)]),
  ...group('sse', '0F3A ', range(0x00, 0xff)),
  // Announced by a prefix: the decoder names these before it looks at an opcode.
  ...['avx', 'evex', 'xop'].map(name => row('VEX FF', name, '', invalid, { class: 'unsupported' })),
  row('C6 mod=F8', 'tsx', '', invalid, { class: 'unsupported' }),
  row('C7 mod=F8', 'tsx', '', invalid, { class: 'unsupported' }),
  ...group('padlock', '0F ', [0xa6, 0xa7]),
  row('0F 37', 'smx', '', invalid, { class: 'unsupported' }),
  row('0F AA', 'smm', '', invalid, { class: 'unsupported' }),
  row('0F 24', 'test-registers', '', invalid, { class: 'unsupported' }),
  row('0F 26', 'test-registers', '', invalid, { class: 'unsupported' }),
];
