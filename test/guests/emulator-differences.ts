/** Tests of a guest that an emulator ends otherwise than our machine, and why the manual is on our side (SDM sections). */
export interface EmulatorDifference {
  readonly guest: string;
  readonly tests: RegExp;
  readonly reason: string;
}

const row = (guest: string, tests: RegExp, reason: string): EmulatorDifference => ({ guest, tests, reason });

const QEMU_ERROR_CODE = 'the error code holds vector * 8 + 2 (Vol. 3A, "Error Code"); QEMU takes vector * 16';
const QEMU_RESERVED =
  'P of the error code is 1 where a reserved bit is set in a present entry (Vol. 3A, "Page-Fault Exceptions"); QEMU clears it';
const QEMU_RESERVED_CR =
  'reserved bits and combinations of CR0, CR3 and CR4 fault (Vol. 2B, MOV to control registers); QEMU takes them, what would break it is not executed there';
const QEMU_MSR =
  'a reserved bit or a not canonical address faults (Vol. 2D, WRMSR; Vol. 2D, WRGSBASE); QEMU takes the value';
const QEMU_TARGET =
  'a not canonical target faults in the transfer (Vol. 2A and 2B, exceptions of JMP, CALL, RET, IRET, SYSRET, SYSEXIT); QEMU faults at the target';
const QEMU_INT1 = 'F1 is INT1 (Vol. 2A, INT n); QEMU has no such opcode';
const QEMU_LIMITS =
  'limits and rights of segments are checked (Vol. 3A, "Limit Checking", "Type Checking"); QEMU does not';
const QEMU_INTEL = 'SYSCALL is #UD outside of 64-bit mode on Intel processors (Vol. 2B, SYSCALL); QEMU takes it';
const QEMU_PCID = 'QEMU 7.2 has neither PCIDs nor INVPCID in software emulation';

/** QEMU 7.2 with `-accel tcg -cpu max`. */
export const QEMU_DIFFERENCES: readonly EmulatorDifference[] = [
  row('system64', /^page: reserved bit$/, QEMU_RESERVED),
  row(
    'system64',
    /^page: not canonical stack$/,
    '#SS through the stack segment (Vol. 3A, "Interrupt 12"); QEMU gives #GP',
  ),
  row('system64', /^(exception: INT 0x70 without gate|ring 3: INT 0x80, kernel gate)$/, QEMU_ERROR_CODE),
  row('system64', /^exception: (WRMSR, reserved EFER bit|LSTAR not canonical)$/, QEMU_MSR),
  row('control64', /^L[GI]DT: not canonical base$/, 'the base must be canonical (Vol. 2A, LGDT/LIDT); QEMU takes it'),
  row('control64', /^LTR: null$/, 'a null selector is #GP(0) (Vol. 2A, LTR); QEMU takes it'),
  row(
    'control64',
    /^(LTR|inspect): 16-bit TSS$/,
    'IA-32e mode has no 16-bit TSS (Vol. 3A, table "System-Segment and Gate-Descriptor Types"); QEMU takes it',
  ),
  row(
    'control64',
    /^inspect: (.*code.*|data|data of ring 3|read-only data|expand-down data|page-granular limit)$/,
    'LAR leaves bits 19:16 undefined (Vol. 2A, LAR): QEMU clears them, Bochs and processors keep the limit',
  ),
  row('control64', /^MOV CR[034]: /, QEMU_RESERVED_CR),
  row('control64', /^MOV CR8: 16$/, 'reserved bits of CR8 fault (Vol. 2B, MOV to control registers); QEMU takes them'),
  row('control64', /^LOCK MOV CR0$/, "LOCK is #UD (Vol. 2B, MOV to control registers); QEMU has AMD's MOV CR8"),
  row(
    'control64',
    /^(DR7.GD|DR6 and DR7 after GD)$/,
    'general detect (Vol. 3B, "Debug Control Register"); QEMU has none',
  ),
  row('control64', /^(RD|WR)MSR: absent$/, 'an absent MSR faults (Vol. 2B, RDMSR); QEMU reads zero and drops writes'),
  row(
    'control64',
    /^EFER: LME changes while paging is on$/,
    'LME cannot change while paging is on (Vol. 3A, "IA-32e Mode Operation"); QEMU takes it',
  ),
  row('control64', /^(CSTAR|FS_BASE|KERNEL_GS_BASE|SYSENTER_E[IS]P|WRGSBASE): not canonical$/, QEMU_MSR),
  row('control64', /^(PAT: reserved type|TSC_AUX: upper half)$/, QEMU_MSR),
  row('control64', /^WRMSR: TSC$/, 'WRMSR sets the time-stamp counter (Vol. 3B, "Time-Stamp Counter"); QEMU does not'),
  row('control64', /^RDPMC: absent counter$/, 'an absent counter is #GP (Vol. 2B, RDPMC); QEMU has no RDPMC'),
  row('control64', /INVPCID/, QEMU_PCID),
  row(
    'transfer64',
    /^far JMP: L and D$/,
    'L and D together are #GP (Vol. 2A, JMP); QEMU stops with an assertion, so it is not executed there',
  ),
  row('transfer64', /^(far (JMP|RET)|call gate): not canonical$/, QEMU_TARGET),
  row(
    'transfer64',
    /^(IRETQ: not canonical RIP, ring 3|INT: not canonical target|SYSRETQ: not canonical|SYSEXIT: not canonical R[IS]P)$/,
    QEMU_TARGET,
  ),
  row('transfer64', /^far RET: ring 3 with an absent SS$/, '#SS names the selector (Vol. 2B, RET); QEMU gives #NP'),
  row(
    'transfer64',
    /^call gate: conforming code from ring 3$/,
    'CS.RPL is the CPL (Vol. 3A, "Accessing a Code Segment Through a Call Gate"); QEMU leaves 0',
  ),
  row(
    'transfer64',
    /^(INT: gate of ring 0 from ring 3|INT: gate not present|INT: task gate|INT: beyond the IDT|INT3: gate of ring 0 from ring 3|invalid opcode, gate not present: #NP)$/,
    QEMU_ERROR_CODE,
  ),
  row('transfer64', /^INT1/, QEMU_INT1),
  row(
    'transfer64',
    /^RF in the pushed flags of a fault$/,
    'faults push RF (Vol. 3B, "Instruction-Breakpoint Exception Condition"); QEMU does not',
  ),
  row('transfer64', /^SYSCALL: compatibility mode$/, QEMU_INTEL),
  row(
    'transfer64',
    /^SYSRETQ: flags from R11$/,
    'RFLAGS is (R11 AND 3C7FD7H) OR 2 (Vol. 2B, SYSRET); QEMU drops VIF and VIP',
  ),
  row(
    'transfer64',
    /^LFS with a 64-bit offset$/,
    'REX.W makes the pointer m16:64 (Vol. 2A, LFS); QEMU ignores it, as AMD does',
  ),
  row('paging64', /^(reserved bit|no-execute without NXE): /, QEMU_RESERVED),
  row('paging64', /^(PDE reserved bit|PML4E reserved bit 7|[12] [MG]iB page: reserved bit 13)$/, QEMU_RESERVED),
  row('paging64', /^PCID: /, QEMU_PCID),
  row(
    'paging64',
    /^SMAP: descriptor table on a user page, with AC$/,
    'EFLAGS.AC allows explicit accesses alone (Vol. 3A, "Determination of Access Rights"); QEMU takes it for implicit ones, too',
  ),
  row(
    'paging64',
    /^not canonical: crossing the border$/,
    'each byte must be canonical (Vol. 1, "Canonical Addressing"); QEMU looks at the first',
  ),
  row('paging64', /^not canonical: RET$/, QEMU_TARGET),
  row(
    'ports64',
    /^ring 3, (two of three bits: IN, word|bits in two bytes: IN, doubleword)$/,
    'QEMU splits an access to an absent port that is not aligned, and reads zeros: platform, not processor',
  ),
  row(
    'debug64',
    /^access: (8 bytes, low bits of the address|with single step|a fault makes none)$/,
    'data breakpoints ignore the low bits of the address and trap once, after the instruction (Vol. 3B, "Data Memory and I/O Breakpoint Exception Conditions"); QEMU does otherwise',
  ),
  row(
    'debug64',
    /^alignment: /,
    'CR0.AM and EFLAGS.AC check alignment at CPL 3 (Vol. 3A, "Interrupt 17"); QEMU never does',
  ),
  row(
    'debug64',
    /^MONITOR: not canonical$/,
    'a not canonical address faults (Vol. 2B, MONITOR); QEMU does not look at it',
  ),
  row(
    'debug64',
    /^MWAIT: MONITOR found a store$/,
    'MWAIT does not wait after a store (Vol. 2B, MWAIT); QEMU waits for an interrupt that does not come, so it is not executed there',
  ),
  row('debug64', /^XSAVE: TS$/, 'CR0.TS is #NM (Vol. 2D, XSAVE); QEMU does not look at it'),
  row(
    'debug64',
    /^XRSTOR: the initial configuration, XSAVE$/,
    'XSTATE_BV is clear for a component in its initial configuration, if the processor tracks it (Vol. 1, "Processor Tracking of XSAVE-Managed State"); QEMU does not',
  ),
  row(
    'system32',
    /^(limit: .*|expand-down.*|read-only: write|code: write|execute-only code: read|null: read|SS limit: push|EBP: SS limit)$/,
    QEMU_LIMITS,
  ),
  row(
    'system32',
    /beyond the (code )?limit|beyond its limit|runs into its limit/,
    `${QEMU_LIMITS}; code that runs on would break it, so it is not executed there`,
  ),
  row(
    'system32',
    /^PUSH (of segment registers|CS: upper half of the slot)$/,
    'the upper half of the slot stays as it was (Vol. 2B, PUSH: "recent Intel Core processors"); QEMU clears it',
  ),
  row('system32', /^INT1$/, QEMU_INT1),
  row('system32', /^MOV CR0: PG without PE$/, QEMU_RESERVED_CR),
  row(
    'system32',
    /^MOV CR8 in 32-bit mode$/,
    "LOCK is #UD (Vol. 2B, MOV to control registers); QEMU has AMD's MOV CR8",
  ),
  row('system32', /^SYSCALL in 32-bit mode$/, QEMU_INTEL),
  row(
    'pae32',
    /PDPTE$|^PDPTEs are cached until CR3 is loaded$/,
    'MOV to CR3 and CR0 loads and checks four PDPTE registers (Vol. 3A, "PDPTE Registers"); QEMU reads PDPTEs from memory, what would break it is not executed there',
  ),
  row('pae32', /^(reserved bit 62|reserved bit 50|no-execute without NXE): /, QEMU_RESERVED),
  row('pae32', /^(PDE reserved bit of a large page|32-bit paging: reserved bit 21 of a 4 MiB page)$/, QEMU_RESERVED),
  row(
    'tasks32',
    /^(JMP: what is saved|16-bit: the present task)$/,
    'all of EFLAGS is saved (Vol. 3A, "Task Switching"); QEMU forgets a carry that STC set',
  ),
  row(
    'tasks32',
    /^fault: RF in the saved flags$/,
    'faults save RF (Vol. 3B, "Instruction-Breakpoint Exception Condition"); QEMU does not',
  ),
  row(
    'tasks32',
    /^IRET: the task's own TSS as its link$/,
    'QEMU goes round in this switch without an end, so it is not executed there',
  ),
  row(
    'tasks32',
    /^task gate: selector with TI$/,
    'a gate to a TSS that is not in the GDT is #GP (Vol. 2A, CALL, JMP); QEMU gives #TS',
  ),
  row(
    'tasks32',
    /^fault: TSS (not present|with limit 66)$/,
    'EXT of the error code is set for the fault of a fault (Vol. 3A, "Error Code"); QEMU leaves it clear',
  ),
  row(
    'tasks32',
    /^JMP: old TSS too small$/,
    'saves stay within the limit of the present TSS, or #TS (Vol. 3A, "Interrupt 10"); QEMU does not look at it',
  ),
  row(
    'tasks32',
    /^((ring 3: )?(LDT|CS|SS|DS|ES|FS|GS|EIP)\b.*|ring 3: (data|stack) of ring 0.*|after a fault in the new task.*|fault in the new task.*|16-bit: SS null|paging: the stack of the new task is not mapped)$/,
    'descriptors of the new task fault in its own context (Vol. 3A, "Task Switching", step 13); QEMU executes garbage or stops with an assertion then, so it is not executed there',
  ),
  row(
    'tasks32',
    /^accessed bits$/,
    'a loaded descriptor is marked as accessed (Vol. 3A, "Code- and Data-Segment Descriptor Types"); QEMU does not in a task switch',
  ),
  row(
    'tasks32',
    /^DR7: local breakpoints end$/,
    'a task switch clears L0 to L3 and LE (Vol. 3B, "Debug Control Register"); QEMU leaves LE',
  ),
  row('tasks32', /^T flag/, 'the T flag of a TSS traps (Vol. 3B, "Task-Switch Exception Condition"); QEMU has none'),
  row(
    'tasks32',
    /^16-bit: JMP, segments and registers$/,
    'what a 16-bit TSS leaves in the upper halves of registers is open (Vol. 3A, "16-Bit TSS"): QEMU leaves them as they were',
  ),
  row(
    'tasks32',
    /^paging: the new TSS is not mapped$/,
    'which byte of a TSS is accessed first is open (Vol. 3A, "Task Switching", step 5): QEMU begins with CR3',
  ),
  row(
    'smp32',
    /^illegal vector: error status$/,
    'a vector below 16 is an error and is not delivered (Vol. 3A, "Error Handling"); QEMU delivers it',
  ),
  row(
    'smp32',
    /^software disabled: LVT is masked$/,
    'software disabling masks the local vector table (Vol. 3A, "Local APIC State After It Has Been Software Disabled"); QEMU does not',
  ),
  row('smp32', /^x2APIC: /, 'QEMU 7.2 has no x2APIC mode in software emulation'),
];

/** Bochs 2.7 with the model corei7_skylake_x. */
export const BOCHS_DIFFERENCES: readonly EmulatorDifference[] = [
  row(
    'control64',
    /^TSC_AUX: upper half$/,
    'bits 63:32 are reserved (Vol. 4, IA32_TSC_AUX) and fault (Vol. 2D, WRMSR); Bochs keeps them',
  ),
  row(
    'transfer64',
    /^IRETD in 64-bit mode$/,
    'in 64-bit mode IRET pops the stack pointer at every operand size (Vol. 2A, IRET/IRETD), as QEMU does; Bochs does so for IRETQ alone',
  ),
  row(
    'transfer64',
    /^ENTER: 16-bit operand$/,
    "the operand size is 16 bits (Vol. 2A, ENTER), as on the host's processor and QEMU; Bochs pushes 64 bits",
  ),
  row(
    'paging64',
    /^SMAP: descriptor table on a user page, with AC$/,
    'EFLAGS.AC allows explicit accesses alone (Vol. 3A, "Determination of Access Rights"); Bochs takes it for implicit ones, too',
  ),
  row(
    'tasks32',
    /^CS before DS$/,
    'CS is checked before the data segments (Vol. 3A, table "Exception Conditions Checked During a Task Switch": the order of the P6 family); Bochs checks it last',
  ),
  row(
    'tasks32',
    /^TF of the old task$/,
    'an instruction that began with TF traps behind itself (Vol. 3B, "Single-Step Exception Condition"), as on QEMU; Bochs drops the trap',
  ),
  row(
    'smp32',
    /^illegal vector: error status$/,
    'an illegal vector in the interrupt command register is "send illegal vector" (Vol. 3A, "Error Handling"); Bochs says "receive illegal vector"',
  ),
  row(
    'smp32',
    /^x2APIC: logical id$/,
    'the logical id of x2APIC mode follows from the APIC id (Vol. 3A, "Deriving Logical x2APIC ID from the Local x2APIC ID"); Bochs gives 0',
  ),
];
