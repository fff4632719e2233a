import { BOOT_FAULTS } from './boot-faults.ts';
import { CHANNEL_FAULTS } from './channel-faults.ts';
import { COMPILE_FAULTS } from './compile-faults.ts';
import { COMPONENT_FAULTS } from './component-faults.ts';
import { DMA_FAULTS } from './dma-faults.ts';
import type { Fault } from './fault.ts';
import { GENODE_FAULTS } from './genode-faults.ts';
import { GUEST_FAULTS } from './guest-faults.ts';
import { KERNEL_EXTENDED_FAULTS } from './kernel-extended-faults.ts';
import { KERNEL_FAULTS } from './kernel-faults.ts';
import { KERNEL_INTERRUPT_FAULTS } from './kernel-interrupt-faults.ts';
import { KERNEL_SCHEDULING_FAULTS } from './kernel-scheduling-faults.ts';
import { MACHINE_FAULTS } from './machine-faults.ts';
import { PAGING_FAULTS } from './paging-faults.ts';
import { PROXY_FAULTS } from './proxy-faults.ts';
import { SERVICE_FAULTS } from './service-faults.ts';
import { STRUCTURE_FAULTS } from './structure-faults.ts';
import { VHW_FAULTS } from './vhw-faults.ts';

/** All seeded faults. */
export const FAULTS: readonly Fault[] = [
  ...KERNEL_FAULTS,
  ...KERNEL_EXTENDED_FAULTS,
  ...KERNEL_INTERRUPT_FAULTS,
  ...KERNEL_SCHEDULING_FAULTS,
  ...BOOT_FAULTS,
  ...PAGING_FAULTS,
  ...COMPILE_FAULTS,
  ...STRUCTURE_FAULTS,
  ...MACHINE_FAULTS,
  ...DMA_FAULTS,
  ...COMPONENT_FAULTS,
  ...GUEST_FAULTS,
  ...CHANNEL_FAULTS,
  ...PROXY_FAULTS,
  ...GENODE_FAULTS,
  ...SERVICE_FAULTS,
  ...VHW_FAULTS,
];
