import { CPUID_HELPERS } from './cpuid.ts';
import { MSR_HELPERS } from './msr.ts';
import type { Helper } from './operand-access.ts';
import { CONTROL_HELPERS } from './system-control.ts';
import { DEBUG_HELPERS } from './system-debug.ts';
import { EVENT_HELPERS } from './system-event.ts';
import { INVALIDATE_HELPERS } from './system-invalidate.ts';
import { PORT_HELPERS } from './system-port.ts';
import { RETURN_HELPERS } from './system-return.ts';
import { SEGMENT_HELPERS } from './system-segment.ts';
import { TRANSFER_HELPERS } from './system-transfer.ts';
import { XSAVE_HELPERS } from './xsave.ts';

/** System instructions by the name that the table uses; true means that RIP is set. */
export const HELPERS: Readonly<Record<string, Helper>> = {
  ...TRANSFER_HELPERS,
  ...RETURN_HELPERS,
  ...EVENT_HELPERS,
  ...SEGMENT_HELPERS,
  ...CONTROL_HELPERS,
  ...DEBUG_HELPERS,
  ...INVALIDATE_HELPERS,
  ...MSR_HELPERS,
  ...PORT_HELPERS,
  ...CPUID_HELPERS,
  ...XSAVE_HELPERS,
};
