import type { CodeBlock, SubjectProgram } from '../trace/trace.ts';
import type { Operation } from '../units/operation.ts';

/** Fields of an operation that are values: they shrink to 0 or 1. Addresses, sizes, reasons and register numbers stay. */
const VALUE_FIELDS = ['low', 'high', 'event', 'qualification', 'interruptInfo'] as const;

/** Copies of `source` with one numeric field set to 0 or 1, smaller first; only strictly smaller values. */
function smaller<T extends object>(source: T, fields: readonly string[]): T[] {
  return fields.flatMap(field => {
    const value: unknown = (source as Readonly<Record<string, unknown>>)[field];
    if (typeof value !== 'number') return [];
    return [0, 1].filter(candidate => candidate < value).map(candidate => ({ ...source, [field]: candidate }));
  });
}

/** Simpler operations to try in place of `operation`, simplest first. */
export function simplerOperations(operation: Operation): readonly Operation[] {
  if (operation.kind === 'nop') return [];
  return [{ kind: 'nop' }, ...smaller(operation, VALUE_FIELDS)];
}

const isEmptyBlock = ({ hex }: CodeBlock): boolean => /^(?:90)*$/.test(hex);

/** Machine code with one block more filled with NOPs, so that addresses and time stay. */
const fewerBlocks = (blocks: readonly CodeBlock[]): readonly (readonly CodeBlock[])[] =>
  blocks.flatMap((block, index) =>
    isEmptyBlock(block)
      ? []
      : [blocks.map((other, at) => (at === index ? { ...other, hex: '90'.repeat(other.hex.length / 2) } : other))],
  );

/** Simpler parameters of named software, machine code with fewer blocks. */
export function simplerPrograms(program: SubjectProgram): readonly SubjectProgram[] {
  if ('operations' in program) return [];
  if ('machineCode' in program)
    return fewerBlocks(program.machineCode).map(machineCode => ({ ...program, machineCode }));
  return smaller(program.parameters, Object.keys(program.parameters)).map(parameters => ({ ...program, parameters }));
}
