import type { Cpu } from '../impl/cpu.ts';
import type { System } from '../impl/system.ts';
import { Vmcs } from '../impl/vmx/vmcs.ts';
import type { KernelState } from '../model/kernel-state.ts';
import type { KeptState } from './kept-state.ts';
import { compareAudit } from './kernel-compare.ts';
import type { KernelModel } from './kernel-model.ts';
import { abstractAudit, dumpDifference, headerDifference } from './relation/crash-audit.ts';

/** Compares the crash-audit page after a CPU wrote it; `hasDumped` if it just filled its dump. Empty if all is as it must be. */
export function checkAudit(
  system: System,
  cpu: Cpu,
  { config }: KernelModel,
  alpha: KernelState,
  state: KernelState,
  kept: KeptState,
  hasDumped: boolean,
): string {
  if (system.kernel.at.crashAuditSlot < 0) return '';
  abstractAudit(system, config.apicIds, alpha);
  const found = compareAudit(alpha, state);
  if (found !== '' || !hasDumped) return found || headerDifference(system, state.dumpsTaken);
  const { source, crashReason } = state.cpus[cpu.id]!;
  return dumpDifference(system, state.dumpsTaken - 1, {
    tsc: cpu.tsc,
    reason: crashReason,
    interruptInfo: cpu.vmread(Vmcs.exitInterruptInfo),
    statePage: kept.statePage(source),
    fpuPage: kept.fpuPage(source),
  });
}
