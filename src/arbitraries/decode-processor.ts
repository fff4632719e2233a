import { FPU_PLACES } from '../impl/fpu-places.ts';
import type { Operation } from '../units/operation.ts';
import { mix32 } from '../units/rng.ts';
import type { ProcessorVocabulary } from './processor-vocabulary.ts';

/** Operations on FPU, MSRs, ports and control registers from the words of a decoder. */

const NOP: Operation = { kind: 'nop' };
/** CR0 and CR4 values: as most subjects start, with the FPU switched off in each way, and invalid ones. */
const CR0_VALUES: readonly number[] = [0x8001_0031, 0x8001_0039, 0x8001_0035, 0x31, 0x11, 0x2_0000];
const CR4_VALUES: readonly number[] = [0x4_2660, 0x4_2060, 0x2660, 0x2020, 0x660, 0x8000_0000];

const pick = <T>(list: readonly T[], word: number): T | undefined => list[word % list.length];

export function fpuOperation({ fpuPlaces }: ProcessorVocabulary, a: number, b: number): Operation {
  // XSETBV takes RCX and RDX as well: now and then one of them is not what it must be, or is so again.
  if (a % 12 === 0) return { kind: 'load', register: 3 + (b % 2), low: (b >>> 1) % 2, high: 0 };
  const place = pick(fpuPlaces, a >>> 4);
  if (place === undefined) return NOP;
  if (b % 2 === 0) return { kind: 'readFpu', place };
  const isMxcsr = FPU_PLACES[place]!.name === 'MXCSR';
  const low = isMxcsr ? (b >>> 1) & 0xffff : mix32(b);
  return { kind: 'writeFpu', place, low, high: mix32(b + 1) };
}

export function msrOperation(vocabulary: ProcessorVocabulary, a: number, b: number): Operation {
  const closed = pick(vocabulary.closedMsrs, a >>> 3);
  if (closed !== undefined && (a % 4 === 0 || vocabulary.openMsrs.length === 0))
    return b % 2 === 0 ? { kind: 'rdmsr', index: closed } : { kind: 'wrmsr', index: closed, low: b, high: 0 };
  const open = pick(vocabulary.openMsrs, a >>> 3);
  if (open === undefined) return NOP;
  if (open.canRead && (b % 2 === 0 || !open.canWrite)) return { kind: 'rdmsr', index: open.index };
  // EFER takes few bits; the values of all others are small, so that they are canonical. Only some are refused on purpose.
  const low = open.index === 0xc000_0080 ? 0xd01 & (b >>> 1) : mix32(b) & 0x7fff_ffff;
  const high = vocabulary.handlesExceptions && b % 16 === 1 ? 0x0080_0000 : 0;
  return { kind: 'wrmsr', index: open.index, low, high };
}

export function portOperation(vocabulary: ProcessorVocabulary, a: number, b: number): Operation {
  const closed = pick(vocabulary.closedPorts, a >>> 3);
  if (closed !== undefined && (a % 4 === 0 || vocabulary.openPorts.length === 0)) {
    const sizeBytes = ([1, 2, 4] as const)[(b >>> 1) % 3]!;
    return b % 2 === 0 ? { kind: 'in', port: closed, sizeBytes } : { kind: 'out', port: closed, sizeBytes, value: b };
  }
  const range = pick(vocabulary.openPorts, a >>> 3);
  if (range === undefined) return NOP;
  const port = range.start + ((b >>> 3) % (range.end - range.start + 1));
  return b % 2 === 0
    ? { kind: 'in', port, sizeBytes: 1 }
    : { kind: 'out', port, sizeBytes: 1, value: (b >>> 1) & 0xff };
}

export function controlRegisterOperation(vocabulary: ProcessorVocabulary, a: number, b: number): Operation {
  const register = ([0, 4, 3] as const)[a % (vocabulary.readsCr3 ? 3 : 2)]!;
  if (b % 2 === 0 || !vocabulary.writesControlRegisters) return { kind: 'readCr', register };
  const values = register === 0 ? CR0_VALUES : CR4_VALUES;
  return { kind: 'writeCr', register, low: pick(values, b >>> 1)!, high: 0 };
}
