import type { Cpu } from '../cpu.ts';
import type { PhysicalMemory } from '../memory.ts';
import type { IoApic } from '../platform/io-apic.ts';
import type { Iommu } from '../platform/iommu.ts';
import type { Processor } from '../platform/processor.ts';
import type { Ports } from '../ports.ts';
import type { HostedVmx } from '../vmx/hosted-vmx.ts';
import type { KernelMemory } from './kernel-memory.ts';
import type { KernelOps } from './ops.ts';
import type { KernelTables } from './tables.ts';

/** Why the whole system stopped. */
export type PowerState = 'running' | 'reboot' | 'poweroff' | 'panic' | 'shutdown';

/** Platform effects that the kernel reaches through ports and the APIC. */
export interface Platform {
  power: PowerState;
  /** Subject that stopped the system, and the exit reason or source action behind it. */
  stopReason: string;
  readonly ioApic: IoApic;
  readonly iommus: readonly Iommu[];
  /** What start-up code finds out about the processors, which are all alike. */
  readonly processor: Processor;
  /** What VMX instructions do. */
  readonly vmx: HostedVmx;
  readonly ports: Ports;
  /** Sends a fixed interrupt to another CPU through the x2APIC. */
  sendIpi(target: number, vector: number, tsc: number): void;
}

/** Everything a kernel function may use; one kernel text serves all CPUs. */
export interface Kernel {
  readonly memory: PhysicalMemory;
  readonly tables: KernelTables;
  readonly at: KernelMemory;
  readonly cpus: readonly Cpu[];
  readonly platform: Platform;
  readonly ops: KernelOps;
}

/**
 * Named accesses to state that other CPUs also use. A kernel function yields one right before it performs the access:
 * these are the points where another CPU may proceed.
 */
export const AtomicAccess = {
  pendingSet: 1,
  pendingRead: 2,
  pendingConsume: 3,
  pendingClear: 4,
  activitySet: 5,
  activityRead: 6,
  activityClear: 7,
  barrierRead: 8,
  barrierAdd: 9,
  barrierReset: 10,
  barrierRelease: 11,
  barrierSpin: 12,
  majorAdvance: 13,
  lockTake: 14,
  lockSpin: 15,
  lockRelease: 16,
  ioApicSelect: 17,
  ioApicRead: 18,
  ioApicWrite: 19,
  auditSlot: 20,
  auditCount: 21,
  auditReset: 22,
} as const;
export type AtomicAccess = (typeof AtomicAccess)[keyof typeof AtomicAccess];

/** Names by access number, for traces. */
export const ATOMIC_ACCESS_NAMES: readonly string[] = ['', ...Object.keys(AtomicAccess)];

/** A kernel function that touches cross-CPU state: yields before each such access. */
export type Segments<Return = void> = Generator<AtomicAccess, Return, void>;
