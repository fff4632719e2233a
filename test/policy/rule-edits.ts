import type { Edit } from './policy-editing.ts';
import { DEVICES_EDITS, EVENTS_EDITS } from './rule-edits-devices.ts';
import { HARDWARE_EDITS, KERNEL_EDITS } from './rule-edits-kernel.ts';
import { MEMORY_EDITS, REGIONS_EDITS } from './rule-edits-memory.ts';
import { SCHEDULING_EDITS, SUBJECTS_EDITS } from './rule-edits-subjects.ts';

/** An edit of the small policy for each rule, by its code: that rule reports an error or its finding, and no other rule an error. */
export const EDITS: Readonly<Record<string, Edit>> = {
  ...MEMORY_EDITS,
  ...REGIONS_EDITS,
  ...KERNEL_EDITS,
  ...HARDWARE_EDITS,
  ...DEVICES_EDITS,
  ...EVENTS_EDITS,
  ...SUBJECTS_EDITS,
  ...SCHEDULING_EDITS,
};
