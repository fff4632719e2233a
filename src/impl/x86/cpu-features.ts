/** A register that a CPUID leaf returns. */
export type CpuidRegister = 'ebx' | 'ecx' | 'edx';

/** A feature bit of CPUID that this machine announces (SDM Vol. 2A, CPUID). */
export interface CpuFeature {
  readonly name: string;
  readonly leaf: number;
  readonly register: CpuidRegister;
  readonly bit: number;
  /** 'rows': instructions of the table have this feature; else what it stands for besides instructions. */
  readonly gives: string;
}

const feature = (name: string, leaf: number, register: CpuidRegister, bit: number, gives = 'rows'): CpuFeature => ({
  name,
  leaf,
  register,
  bit,
  gives,
});

const LEAF1 = 1;
const LEAF7 = 7;
const EXTENDED = 0x8000_0001;

/** All features that are announced: what the instruction table and the rest of the machine have, nothing else. */
export const CPU_FEATURES: readonly CpuFeature[] = [
  feature('monitor', LEAF1, 'ecx', 3),
  feature('vmx', LEAF1, 'ecx', 5),
  feature('cx16', LEAF1, 'ecx', 13),
  feature('pcid', LEAF1, 'ecx', 17, 'CR4.PCIDE'),
  feature('x2apic', LEAF1, 'ecx', 21, 'IA32_APIC_BASE.EXTD and the MSRs from 800H'),
  feature('movbe', LEAF1, 'ecx', 22),
  feature('popcnt', LEAF1, 'ecx', 23),
  feature('xsave', LEAF1, 'ecx', 26),
  feature('de', LEAF1, 'edx', 2, 'CR4.DE and I/O breakpoints'),
  feature('pse', LEAF1, 'edx', 3, 'CR4.PSE and pages of 4 MiB'),
  feature('tsc', LEAF1, 'edx', 4),
  feature('msr', LEAF1, 'edx', 5),
  feature('pae', LEAF1, 'edx', 6, 'CR4.PAE'),
  feature('mce', LEAF1, 'edx', 7, 'CR4.MCE and the machine-check MSRs 0 and 1; no machine check ever happens'),
  feature('cx8', LEAF1, 'edx', 8, 'CMPXCHG8B, in the row of cx16'),
  feature('apic', LEAF1, 'edx', 9, 'the local APIC'),
  feature('sep', LEAF1, 'edx', 11),
  feature('pge', LEAF1, 'edx', 13, 'CR4.PGE and global pages'),
  feature('cmov', LEAF1, 'edx', 15),
  feature('pat', LEAF1, 'edx', 16, 'IA32_PAT'),
  feature('pse36', LEAF1, 'edx', 17, 'upper address bits of 4 MiB pages'),
  feature('clflush', LEAF1, 'edx', 19),
  feature('fsgsbase', LEAF7, 'ebx', 0),
  feature('bmi1', LEAF7, 'ebx', 3),
  feature('smep', LEAF7, 'ebx', 7, 'CR4.SMEP'),
  feature('bmi2', LEAF7, 'ebx', 8),
  feature('invpcid', LEAF7, 'ebx', 10),
  feature('adx', LEAF7, 'ebx', 19),
  feature('smap', LEAF7, 'ebx', 20),
  feature('umip', LEAF7, 'ecx', 2, 'CR4.UMIP'),
  feature('lahf_lm', EXTENDED, 'ecx', 0, 'LAHF and SAHF in 64-bit mode'),
  feature('lzcnt', EXTENDED, 'ecx', 5),
  feature('prefetchw', EXTENDED, 'ecx', 8),
  feature('syscall', EXTENDED, 'edx', 11),
  feature('nx', EXTENDED, 'edx', 20, 'EFER.NXE'),
  feature('page1gb', EXTENDED, 'edx', 26, 'pages of 1 GiB'),
  feature('rdtscp', EXTENDED, 'edx', 27),
  feature('lm', EXTENDED, 'edx', 29, 'IA-32e mode'),
];

/** Features of rows that are not announced, and why. */
export const UNANNOUNCED_FEATURES: Readonly<Record<string, string>> = {
  base: 'every processor with 64-bit mode has it',
  sse: 'SFENCE and the PREFETCH hints alone are here; its bit would promise the XMM registers and their instructions',
  sse2: 'LFENCE and MFENCE alone are here; its bit would promise instructions on XMM registers',
  sse4_2: 'CRC32 alone is here; its bit would promise the string comparisons of SSE4.2, too',
};

/** Bits that a register of a leaf announces. */
export function featureBits(leaf: number, register: CpuidRegister): number {
  return CPU_FEATURES.filter(row => row.leaf === leaf && row.register === register).reduce(
    (bits, { bit }) => (bits | (1 << bit)) >>> 0,
    0,
  );
}
