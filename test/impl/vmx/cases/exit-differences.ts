/** Cases in which our machine and Bochs 2.7 differ, with the reason; each must differ, else the entry is stale. */
export const EXIT_DIFFERENCES: Readonly<Record<string, string>> = {
  'protected: SGDT [eax]':
    'bit 11 of the instruction information is the operand size ("Information for VM Exits Due to Instruction Execution"); Bochs leaves it 0',
  'protected: LGDT, 16-bit address': 'as SGDT',
  'triple fault':
    'RFLAGS.RF after a triple fault is that of the shutdown state ("Saving RIP, RSP, RFLAGS, and SSP"); Bochs saves the image of the last exception',
  'single step over CPUID':
    'a fault-like exit of an instruction leaves no single step pending ("Saving Non-Register State"); Bochs saves BS',
  'interrupt window while halted':
    'interrupt-window exiting wakes a processor that a VM entry has put into the HLT state ("Interrupt-Window Exiting and Virtual-Interrupt Delivery"); Bochs waits for the timer',
  'NMI window open':
    'NMI blocking after VM entry is what the interruptibility state says ("Loading Guest Non-Register State"); Bochs keeps that of an earlier guest',
  'NMI window, blocked by MOV SS': 'as NMI window open',
  'IRET that faults, its stack unmapped by EPT, blocked':
    'which word of the frame is read first is open (Vol. 2A, IRET); Bochs begins with RFLAGS',
  'IRET that faults, its stack unmapped by EPT, not blocked': 'as with NMIs blocked',
  'EPT read with a read-only page table':
    'setting an accessed flag is a write to the page table, which EPT must allow ("EPT Violations"); Bochs does not look',
  'EPT write with a read-only page table': 'as for the read',
  'EPT fetch with a read-only page table': 'as for the read',
  'EPT read with a read-only page table and flags':
    'with accessed and dirty flags for EPT a violation of an access to a page table sets bits 0 and 1 ("Exit Qualification for EPT Violations"); Bochs sets bit 1',
  'EPT write with a read-only page table and flags': 'as for the read',
  'EPT fetch with a read-only page table and flags': 'as for the read',
};

/** Mutated VMCSs after whose VM entry the guest leaves otherwise than on Bochs 2.7, by the name of the case. */
export const ENTRY_DIFFERENCES: readonly (readonly [name: RegExp, reason: string])[] = [
  [
    /^real: GUEST_CS_LIMIT=/,
    'in real mode the valid bit of the error code is 0 ("Information for VM Exits Due to Vectored Events"); Bochs sets it',
  ],
  [
    /GUEST_PENDING_DEBUG=1000$/,
    'a met and enabled breakpoint (bit 12) is delivered after VM entry ("Delivery of Pending Debug Exceptions after VM Entry"); Bochs drops it',
  ],
  [
    /GUEST_PENDING_DEBUG=0 GUEST_INTERRUPTIBILITY=[12] GUEST_RFLAGS=302/,
    'a fault-like exit of an instruction leaves no single step pending ("Saving Non-Register State"); Bochs saves BS',
  ],
  [
    /GUEST_PENDING_DEBUG=4000 GUEST_INTERRUPTIBILITY=1 GUEST_RFLAGS=302/,
    'an exit by a pending debug exception before the first instruction saves blocking by STI as it was ("Saving Non-Register State"); Bochs clears it',
  ],
];
