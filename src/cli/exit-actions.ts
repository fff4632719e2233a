import type { ExitReason } from '../impl/vmx/exit-reasons.ts';

/** What the Muen kernel does on a VM exit, in words (Muen sk-kernel Handle_Vmx_Exit). */
export const EXIT_ACTIONS: Readonly<Record<ExitReason['action'], string>> = {
  interrupt:
    'pends the routed vector of the subject that owns the interrupt, masks a level-triggered line, ends the interrupt',
  'trap-or-fatal':
    'NMI: crash audit 0x1001; machine check: crash audit 0x1002; other exceptions: trap table of the subject',
  'interrupt-window': 'closes the window; the next entry injects the highest pending vector',
  trap: 'trap table of the subject; without an entry crash audit 0x2000',
  hypercall: 'VMCALL event of the number in RAX (from CPL 0; else trap table of the subject)',
  fatal: 'crash audit 0x1003',
  timer: 'ends the minor frame; handles a due timed event of the next subject',
  xsetbv: 'checks CPL, index and value; sets XCR0 of the subject or queues #GP for it',
  undefined: 'reserved by the SDM: trap table of the subject',
};
