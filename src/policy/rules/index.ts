import type { Rule } from '../rule.ts';
import { ACCESS_RULES } from './access.ts';
import { ADDRESS_SPACE_RULES } from './address-spaces.ts';
import { BARRIER_RULES } from './barriers.ts';
import { DEVICE_RULES } from './devices.ts';
import { EVENT_RULES } from './events.ts';
import { HARDWARE_RULES } from './hardware.ts';
import { IRQ_RULES } from './irqs.ts';
import { KERNEL_RULES } from './kernel.ts';
import { KERNEL_PAGE_RULES } from './kernel-pages.ts';
import { KERNEL_PRIVATE_RULES } from './kernel-private.ts';
import { LIVENESS_RULES } from './liveness.ts';
import { MEMORY_RULES } from './memory.ts';
import { MSR_RULES } from './msrs.ts';
import { NAME_RULES } from './names.ts';
import { PAGE_TABLE_RULES } from './page-tables.ts';
import { PLATFORM_RULES } from './platform.ts';
import { REFERENCE_RULES } from './references.ts';
import { REGION_RULES } from './regions.ts';
import { SCHEDULING_RULES } from './scheduling.ts';
import { START_STATE_RULES } from './start-state.ts';
import { SUBJECT_RULES } from './subjects.ts';
import { SYSTEM_REGION_RULES } from './system-regions.ts';
import { VCPU_RULES } from './vcpu.ts';
import { VECTOR_RULES } from './vectors.ts';

/** All rules, in the order in which findings are shown: names and references first, since they explain others. */
export const RULES: readonly Rule[] = [
  ...NAME_RULES,
  ...REFERENCE_RULES,
  ...HARDWARE_RULES,
  ...PLATFORM_RULES,
  ...MEMORY_RULES,
  ...REGION_RULES,
  ...SYSTEM_REGION_RULES,
  ...PAGE_TABLE_RULES,
  ...ADDRESS_SPACE_RULES,
  ...ACCESS_RULES,
  ...KERNEL_RULES,
  ...KERNEL_PAGE_RULES,
  ...KERNEL_PRIVATE_RULES,
  ...DEVICE_RULES,
  ...IRQ_RULES,
  ...EVENT_RULES,
  ...VECTOR_RULES,
  ...SUBJECT_RULES,
  ...SCHEDULING_RULES,
  ...BARRIER_RULES,
  ...LIVENESS_RULES,
  ...VCPU_RULES,
  ...MSR_RULES,
  ...START_STATE_RULES,
];
