/** What Muen's subject monitor makes of the exits of a Linux subject: registers after the exit from those before. */

/** Registers that emulation changes; instruction pointers are left out, `resumes` says where the subject goes on. */
export interface MonitoredRegisters {
  readonly rax: bigint;
  readonly rbx: bigint;
  readonly rcx: bigint;
  readonly rdx: bigint;
  readonly cr0: bigint;
}

export interface MonitoredExit {
  /** Basic exit reason. */
  readonly reason: number;
  readonly qualification: number;
}

/** What the monitor knows of the machine. */
export interface MonitorFacts {
  /** CPUID values: leaf, subleaf, EAX, EBX, ECX, EDX. */
  readonly cpuid: readonly (readonly [number, number, number, number, number, number])[];
  readonly miscEnable: number;
  /** End of the current minor frame, in cycles. */
  readonly frameEnd: bigint;
}

/** How the subject goes on: behind the instruction, or never. */
export interface MonitoredOutcome {
  readonly registers: MonitoredRegisters;
  readonly resumes: boolean;
}

const REASON = {
  cpuid: 10,
  invlpg: 14,
  rdtsc: 16,
  vmcall: 18,
  controlRegister: 28,
  debugRegister: 29,
  io: 30,
  rdmsr: 31,
  wrmsr: 32,
  eptViolation: 48,
  wbinvd: 54,
} as const;

/** Features of a register by their bits; ranges are inclusive. */
function bits(...parts: readonly (number | readonly [number, number])[]): number {
  let mask = 0;
  for (const part of parts) {
    const [first, last] = typeof part === 'number' ? [part, part] : part;
    for (let bit = first; bit <= last; bit++) mask += 2 ** bit;
  }
  return mask;
}

const ALL = 2 ** 32 - 1;
type Kept = readonly [eax: number, ebx: number, ecx: number, edx: number];

/** What of the processor's answer a subject sees, by leaf and subleaf. */
const KEPT: Readonly<Record<string, Kept>> = {
  '1.0': [
    ALL,
    bits([0, 15]),
    bits(0, 1, 9, 12, 13, 19, 20, 22, 23, [25, 30]),
    bits([0, 6], 8, [11, 13], 15, 17, 19, [23, 27]),
  ],
  '2.0': [ALL, ALL, ALL, ALL],
  '7.0': [0, bits(0, 3, 5, [7, 9], [16, 21], 23, [28, 31]), bits(1, 6, [8, 12], 14, 27, 28), bits(4, 8, 14, 23)],
  '7.1': [bits(4, 5, [10, 12]), 0, 0, 0],
  '80000001.0': [ALL, ALL, ALL, ALL - bits(27)],
  '80000002.0': [ALL, ALL, ALL, ALL],
  '80000003.0': [ALL, ALL, ALL, ALL],
  '80000004.0': [ALL, ALL, ALL, ALL],
  '80000005.0': [ALL, ALL, ALL, ALL],
  '80000006.0': [ALL, ALL, ALL, ALL],
  '80000008.0': [ALL, 0, 0, 0],
};
const NOTHING: Kept = [0, 0, 0, 0];
/** x87, SSE, AVX and the three components of AVX-512. */
const SAVED_STATE = bits([0, 2], [5, 7]);
const LEGACY_AREA_BYTES = 512 + 64;

const and = (a: number, b: number): number => Number(BigInt(a) & BigInt(b));

function cpuidAnswer({ cpuid }: MonitorFacts, leaf: number, ecx: number): Kept {
  const rows = cpuid.filter(row => row[0] === leaf);
  const row = rows.length > 1 ? rows.find(known => known[1] === ecx % 256) : rows[0];
  if (row === undefined) return NOTHING;
  const [, subleaf, eax, ebx, ecxValue, edx] = row;
  const values: Kept = [eax, ebx, ecxValue, edx];
  if (leaf === 0) return [13, ebx, ecxValue, edx];
  if (leaf === 2 ** 31) return [2 ** 31 + 8, 0, 0, 0];
  if (leaf === 4) return [and(eax, bits([0, 9])), ebx, ecxValue, edx];
  if (leaf === 13) return extendedState(cpuid, subleaf, values);
  const kept = KEPT[`${leaf.toString(16)}.${subleaf}`] ?? NOTHING;
  const answer: Kept = [and(eax, kept[0]), and(ebx, kept[1]), and(ecxValue, kept[2]), and(edx, kept[3])];
  return leaf === 7 && subleaf === 0 ? [1, answer[1], answer[2], answer[3]] : answer;
}

function extendedState(cpuid: MonitorFacts['cpuid'], subleaf: number, values: Kept): Kept {
  const of13 = (wanted: number): number => cpuid.find(row => row[0] === 13 && row[1] === wanted)?.[2] ?? 0;
  const enabled = and(of13(0), SAVED_STATE);
  let bytes = LEGACY_AREA_BYTES;
  for (let component = 2; component <= 7; component++)
    if (and(enabled, bits(component)) !== 0) bytes += of13(component);
  if (subleaf === 0) return [enabled, bytes, bytes, values[3]];
  if (subleaf === 1) return [and(values[0], bits([0, 2])), bytes, 0, 0];
  return and(enabled, bits(Math.min(subleaf, 31))) === 0 ? NOTHING : values;
}

/** Ports that nobody answers for. */
const IGNORED_PORTS: readonly (readonly [number, number])[] = [
  [0x20, 0x21],
  [0x40, 0x40],
  [0x43, 0x43],
  [0x60, 0x61],
  [0x64, 0x64],
  [0x80, 0x80],
  [0xa0, 0xa1],
  [0x2e9, 0x2e9],
  [0x2f9, 0x2fa],
  [0x388, 0x389],
  [0x390, 0x391],
  [0x3e9, 0x3e9],
  [0x4d0, 0x4d1],
  [0xcf8, 0xcff],
];

/** The first access to a port since the monitor started. */
function portAccess(qualification: number, before: MonitoredRegisters): MonitoredOutcome {
  const port = Math.floor(qualification / 0x1_0000);
  const sizeBytes = (qualification % 8) + 1;
  const isInput = Math.floor(qualification / 8) % 2 === 1;
  const isString = Math.floor(qualification / 16) % 4 !== 0;
  if (isString || ![1, 2, 4].includes(sizeBytes)) return { registers: before, resumes: false };
  const unchanged = { registers: before, resumes: true };
  if (!isInput) return unchanged;
  if (IGNORED_PORTS.some(([first, last]) => port >= first && port <= last))
    return { registers: { ...before, rax: before.rax | (2n ** BigInt(8 * sizeBytes) - 1n) }, resumes: true };
  const low = (byte: number): MonitoredOutcome => ({
    registers: { ...before, rax: before.rax - (before.rax % 256n) + BigInt(byte) },
    resumes: true,
  });
  const serial = port - 0x3f8;
  if (serial >= 0 && serial < 8) return low(serial === 2 ? 1 : serial === 5 ? 0x60 : 0);
  // The clock: seconds of a date that nobody has asked for yet.
  return port === 0x71 ? low(0) : unchanged;
}

/** What the monitor does with an exit; `resumes` is false for one after which the subject stays dead. */
export function monitoredExit(facts: MonitorFacts, exit: MonitoredExit, before: MonitoredRegisters): MonitoredOutcome {
  const word = (value: bigint): number => Number(value % 2n ** 32n);
  const resumed = (changes: Partial<MonitoredRegisters>): MonitoredOutcome => ({
    registers: { ...before, ...changes },
    resumes: true,
  });
  switch (exit.reason) {
    case REASON.cpuid: {
      const [eax, ebx, ecx, edx] = cpuidAnswer(facts, word(before.rax), word(before.rcx));
      return resumed({ rax: BigInt(eax), rbx: BigInt(ebx), rcx: BigInt(ecx), rdx: BigInt(edx) });
    }
    case REASON.rdtsc:
      return resumed({ rax: facts.frameEnd % 2n ** 32n, rdx: facts.frameEnd / 2n ** 32n });
    case REASON.rdmsr: {
      const isMisc = word(before.rcx) === 0x1a0;
      return resumed({ rax: isMisc ? BigInt(and(facts.miscEnable, bits(0, 11, 12))) : 0n, rdx: 0n });
    }
    case REASON.controlRegister: {
      const isToCr0FromRax = exit.qualification % 0x40 === 0 && Math.floor(exit.qualification / 0x100) % 16 === 0;
      if (!isToCr0FromRax) return { registers: before, resumes: false };
      return resumed({ cr0: before.rax | BigInt(bits(5)) });
    }
    case REASON.io:
      return portAccess(exit.qualification, before);
    case REASON.invlpg:
    case REASON.vmcall:
    case REASON.debugRegister:
    case REASON.wrmsr:
    case REASON.eptViolation:
    case REASON.wbinvd:
      return resumed({});
    default:
      return { registers: before, resumes: false };
  }
}
