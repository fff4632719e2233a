import type { SubjectId } from '../../units/ids.ts';
import { unreachable } from '../../units/invariant.ts';
import type { Cpu } from '../cpu.ts';
import { subjectContext } from './crash-audit.ts';
import { AuditReason } from './crash-audit-layout.ts';
import type { Kernel, Segments } from './kernel-context.ts';
import { activeGroupIndex, currentPartition, groupAt, setActiveSubject } from './scheduling-state.ts';
import { NONE, type SourceEventSpec } from './tables.ts';

/** Executes a source event of `subject`: first its action, then its target (Muen Handle_Source_Event). */
export function* handleSourceEvent(
  kernel: Kernel,
  cpu: Cpu,
  subject: SubjectId,
  event: SourceEventSpec,
  advanceRip: boolean,
): Segments {
  switch (event.action) {
    case 'none':
      break;
    case 'subject_sleep':
      yield* kernel.ops.reschedulePartition(kernel, cpu, subject, advanceRip, true);
      break;
    case 'subject_yield':
      yield* kernel.ops.reschedulePartition(kernel, cpu, subject, advanceRip, false);
      break;
    case 'system_reboot':
      kernel.ops.reboot(kernel, subject);
      break;
    case 'system_poweroff':
      kernel.ops.powerOff(kernel, subject);
      break;
    case 'system_panic':
      yield* kernel.ops.crash(kernel, cpu, {
        reason: AuditReason.subjectPanic,
        text: `system_panic by ${kernel.tables.subjects[subject]!.name}`,
        subject: subjectContext(cpu, subject),
      });
      break;
    case 'unmask_irq':
      yield* kernel.ops.unmaskIrq(kernel, event.irq);
      break;
    default:
      unreachable(event.action);
  }
  if (event.targetSubject === NONE) return;
  const target = kernel.tables.subjects[event.targetSubject]!;
  if (event.targetEvent !== NONE) {
    yield* kernel.ops.setEventPending(kernel, target.id, event.targetEvent);
    yield* kernel.ops.indicateActivity(kernel, cpu, target.id, target.cpu === cpu.id);
    if (event.sendIpi) kernel.ops.sendIpi(kernel, cpu, target.cpu);
  }
  if (event.handover) {
    const partition = currentPartition(kernel, cpu);
    setActiveSubject(
      kernel,
      cpu.id,
      groupAt(kernel, partition, activeGroupIndex(kernel, cpu.id, partition)),
      target.id,
    );
  }
}
