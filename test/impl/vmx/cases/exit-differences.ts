/** Cases in which our machine and Bochs 2.7 differ, with the reason; each must differ, else the entry is stale. */
export const EXIT_DIFFERENCES: Readonly<Record<string, string>> = {
  MONITOR: 'our CPUID does not announce MONITOR, so that it raises #UD',
  MWAIT: 'as MONITOR',
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
  'EPT read with a read-only page table':
    'setting an accessed flag is a write to the page table, which EPT must allow ("EPT Violations"); Bochs does not look',
  'EPT write with a read-only page table': 'as for the read',
  'EPT fetch with a read-only page table': 'as for the read',
  'EPT read with a read-only page table and flags':
    'with accessed and dirty flags for EPT a violation of an access to a page table sets bits 0 and 1 ("Exit Qualification for EPT Violations"); Bochs sets bit 1',
  'EPT write with a read-only page table and flags': 'as for the read',
  'EPT fetch with a read-only page table and flags': 'as for the read',
};
