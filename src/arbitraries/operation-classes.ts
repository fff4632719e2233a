import type { Operation } from '../units/operation.ts';
import { COMMON_TRIGGERS, type Mix, operationDecoder } from './decode-operation.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Words that are decoded: enough for every class of the largest vocabularies to be met several times. */
const DECODED_WORDS = 16_384;
/** Everything once; phrases come apart into their operations. */
const EVERYTHING: Mix = {
  read: 4,
  write: 8,
  probe: 2,
  vmcall: 4,
  undeclared: 2,
  userVmcall: 1,
  trap: 4,
  xsetbv: 4,
  unknownExit: 1,
  timedEvent: 6,
  hlt: 1,
  rdtsc: 1,
  load: 2,
  sti: 1,
  cli: 1,
  nop: 1,
  stop: 2,
  fpu: 4,
  msr: 4,
  port: 1,
  controlRegister: 2,
};
/** Values that programs mean; larger ones are contents. */
const SMALL_VALUE = 0x1_0000;

/** RAX and, which XSETBV and the MSR instructions also read, RCX and RDX. */
const [RAX, RCX, RDX] = [1, 3, 4] as const;
/** Values of XCR0 that some processor accepts. */
const XCR0_VALUES: readonly number[] = [1, 3, 7, 0xe7];
/** Exits that the kernel handles by itself or that no processor makes, each in a way of its own. */
const OWN_EXITS: readonly number[] = [55, 60, 61, 62, 63, 64, 65];

const contents = (low: number): string => (low < SMALL_VALUE ? String(low) : 'contents');

/** Which of a subject's windows an address lies in; addresses in none are told apart by page. */
function placeOf({ windows }: Vocabulary, address: number): string {
  const index = windows.findIndex(window => address >= window.address && address < window.address + window.sizeBytes);
  const window = windows[index];
  if (window === undefined) return 'outside';
  return window.purpose === 'memory' ? `memory ${index}` : `${index} ${address - window.address}`;
}

/** Exits that the policy answers by the same event are one class, and so are all that stop the system. */
function exitClass({ traps }: Vocabulary, reason: number): string {
  const trap = traps.find(({ number }) => number === reason);
  if (trap !== undefined) return trap.event;
  return OWN_EXITS.includes(reason) ? String(Math.min(reason, 60)) : 'stop';
}

/** Registers that nothing reads are one class; the others are told apart by what the reader does with their value. */
function registerClass(register: number, low: number): string {
  if (register === RAX) return `RAX ${XCR0_VALUES.includes(low) ? low : 'other'}`;
  return register === RCX || register === RDX ? `${register} ${low === 0}` : 'other';
}

/** What makes two operations differ in kind and not only in the data that they carry. */
function classOf(vocabulary: Vocabulary, operation: Operation): string {
  switch (operation.kind) {
    case 'read':
      return `read ${placeOf(vocabulary, operation.address).replace(/^memory.*/, 'memory')}`;
    case 'write': {
      const place = placeOf(vocabulary, operation.address);
      return `write ${place} ${place.startsWith('memory') || place === 'outside' ? '' : contents(operation.low)}`;
    }
    case 'vmcall': {
      const isDeclared = vocabulary.vmcalls.some(({ number }) => number === operation.low);
      const number = isDeclared ? String(operation.low) : operation.low < 64 ? 'undeclared' : 'large';
      return `vmcall ${number} ${operation.high === 0} ${operation.cpl}`;
    }
    case 'exit':
      return `exit ${exitClass(vocabulary, operation.reason)}`;
    case 'timedEvent':
      return `timedEvent ${operation.high} ${operation.low} ${vocabulary.vmcalls.some(({ number }) => number === operation.event) ? operation.event : 'undeclared'}`;
    case 'load':
      return `load ${registerClass(operation.register, operation.low)}`;
    case 'readFpu':
    case 'in':
    case 'out':
      return operation.kind;
    case 'writeFpu':
      return `writeFpu ${operation.place}`;
    case 'rdmsr':
      return 'rdmsr';
    case 'wrmsr':
      return `wrmsr ${operation.index}`;
    case 'writeCr':
      return `writeCr ${operation.register} ${operation.low}`;
    case 'readCr':
      return `readCr ${operation.register}`;
    default:
      return operation.kind;
  }
}

/**
 * One operation of each class that the generators make for a subject: two that carry different data to the same place count as one, two
 * that differ in place, number, trigger or in what the policy does about them do not.
 *
 * @param startTsc start of the runs, for the triggers of timed events.
 * @param endTsc their end.
 */
export function operationClasses(vocabulary: Vocabulary, startTsc: number, endTsc: number): readonly Operation[] {
  const decoder = operationDecoder(vocabulary, EVERYTHING, startTsc, endTsc);
  const triggers = new Set(
    Array.from({ length: COMMON_TRIGGERS }, (_, index) =>
      Math.floor(startTsc + (index / COMMON_TRIGGERS) * (endTsc - startTsc)),
    ),
  );
  const classes = new Map<string, Operation>();
  for (let word = 0; word < DECODED_WORDS; word++) {
    for (const operation of decoder.decode(word)) {
      if (operation.kind === 'timedEvent' && !triggers.has(operation.low + operation.high * 2 ** 32)) continue;
      const key = classOf(vocabulary, operation);
      if (!classes.has(key)) classes.set(key, operation);
    }
  }
  return [...classes.values()];
}
