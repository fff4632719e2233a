import type { SubjectId } from '../../units/ids.ts';
import type { Kernel } from './kernel-context.ts';
import { KernelHalt } from './kernel-halt.ts';

/** Actions that end the system on purpose, through ports of the system board (Muen SK.Power). */

/** Reset control register: full reset with power cycle. */
const FULL_RESET = 0x0e;
/** SLP_EN of PM1a_CNT. */
const SLEEP_ENABLE = 0x2000;

export function reboot(kernel: Kernel, subject: SubjectId): never {
  const { ports } = kernel.platform;
  ports.write(kernel.tables.platform.systemBoard.resetPort, 1, FULL_RESET);
  kernel.platform.power = 'reboot';
  kernel.platform.stopReason = `system_reboot by ${kernel.tables.subjects[subject]!.name}`;
  throw new KernelHalt();
}

export function powerOff(kernel: Kernel, subject: SubjectId): never {
  const { powerPort, sleepType } = kernel.tables.platform.systemBoard;
  kernel.platform.ports.write(powerPort, 2, sleepType | SLEEP_ENABLE);
  kernel.platform.power = 'poweroff';
  kernel.platform.stopReason = `system_poweroff by ${kernel.tables.subjects[subject]!.name}`;
  throw new KernelHalt();
}
