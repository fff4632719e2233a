import { parseWord64 } from '../literal.ts';
import { elementAt, elementsAt, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { PAGE_BYTES } from './layout.ts';
import { addRegion } from './regions.ts';
import { nameOf, subjectsOf } from './subjects.ts';

/** Registers that concern the whole machine, not a subject: they are never stored (SDM Vol. 4, "Architectural MSRs"). */
const GLOBAL_MSRS = new Set([0xce, 0x19c, 0x1a2, 0x1b1, 0x606, 0x610, 0x611, 0x619, 0x641, 0x64b, 0x770, 0x771, 0x774]);

/** Registers whose guest value the VMCS always holds: SYSENTER and the bases of FS and GS. */
const VMCS_MSRS = new Set([0x174, 0x175, 0x176, 0xc000_0100, 0xc000_0101]);

/** Registers that the VMCS holds when all of these controls are set. */
const CONTROLLED_MSRS: ReadonlyMap<number, readonly string[]> = new Map([
  [0x1d9, ['entry/LoadDebugControls', 'exit/SaveDebugControls']],
  [0xc000_0080, ['entry/LoadIA32EFER', 'exit/SaveIA32EFER']],
  [0x277, ['entry/LoadIA32PAT', 'exit/SaveIA32PAT']],
  [0x38f, ['entry/LoadIA32PERFGLOBALCTRL']],
]);

/** Adds a page that holds the registers of each subject that it may write and the VMCS does not hold. */
export function addMsrStores(workspace: Workspace): void {
  for (const subject of subjectsOf(workspace)) {
    if (!hasStoredMsr(subject)) continue;
    const name = `${nameOf(subject)}|msrstore`;
    const file = { name: `${nameOf(subject)}_msrstore` };
    addRegion(workspace, subject, { name, sizeBytes: PAGE_BYTES, type: 'kernel_msrstore', file });
  }
}

function hasStoredMsr(subject: TreeElement): boolean {
  const isManaged = (msr: number): boolean => {
    const controls = CONTROLLED_MSRS.get(msr);
    if (controls === undefined) return VMCS_MSRS.has(msr) || GLOBAL_MSRS.has(msr);
    return controls.every(path => elementAt(subject, `vcpu/vmx/controls/${path}`)?.text.trim() === '1');
  };
  return elementsAt(subject, 'vcpu/msrs/msr').some(({ attributes }) => {
    if (attributes.mode === 'r') return false;
    const [start, end] = [attributes.start, attributes.end].map(text => Number(parseWord64(text ?? '') ?? 0n));
    // A range ends at the first register that must be stored; whole ranges of managed registers are short.
    for (let msr = start!; msr <= end! && msr - start! < 0x2000; msr++) if (!isManaged(msr)) return true;
    return false;
  });
}
