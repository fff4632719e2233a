/**
 * Compact description of a Muen system, from which `writePolicy` writes a complete format B policy.
 *
 * It says what a system integrator decides; everything that the toolchain derives (kernel regions, page-table sizes,
 * ids, barriers, addresses) is derived by the writer.
 */
export interface PolicyDescription {
  /** Name of the system, shown in the `system` configuration variable. */
  readonly name: string;
  /** TSC frequency in kHz. */
  readonly speedKhz: number;
  /** Scheduling ticks per second; one tick lasts speedKhz * 1000 / tickRateHz TSC cycles. */
  readonly tickRateHz: number;
  /** The VMX-preemption timer counts once every 2^rate TSC cycles, 0 .. 31. */
  readonly vmxTimerRate: number;
  /** In document order, which gives the global ids; tau0 comes first where it exists. */
  readonly subjects: readonly SubjectDescription[];
  readonly channels: readonly ChannelDescription[];
  /** Devices that subjects own, besides those of the kernel. */
  readonly devices?: readonly DeviceDescription[];
  /** Device domains: what devices may reach by DMA. */
  readonly domains?: readonly DomainDescription[];
  readonly events: readonly EventDescription[];
  readonly partitions: readonly PartitionDescription[];
  /** Per major frame and CPU the minor frames; barriers are derived. */
  readonly majorFrames: readonly (readonly (readonly MinorFrameDescription[])[])[];
}

export interface SubjectDescription {
  readonly name: string;
  /** Logical CPU, 0 or 1. */
  readonly cpu: number;
  /** native: IA-32e page tables, starts in 64-bit mode; vm: EPT, starts in 32-bit protected mode. */
  readonly profile: 'native' | 'vm';
  readonly regions: readonly RegionDescription[];
  readonly monitors?: readonly MonitorDescription[];
  /** Source event of every trap: a kernel-mode panic event, or a switch event. */
  readonly traps: { readonly event: string; readonly panic: boolean };
  /** MSRs that the subject may read besides those of its profile. */
  readonly readOnlyMsrs?: readonly number[];
  /** True for the subject that chooses the major frame. */
  readonly isTau0?: boolean;
}

/** Private memory of a subject; the physical region is named `<subject>|<name>`. */
export interface RegionDescription {
  readonly name: string;
  readonly type: 'subject' | 'subject_binary';
  readonly sizeBytes: number;
  readonly address: number;
  readonly writable: boolean;
  readonly executable: boolean;
  /** Fill pattern, 0 .. 255; uninitialised memory if absent. */
  readonly fill?: number;
}

/** Mapping of another subject's kernel-managed page. */
export interface MonitorDescription {
  readonly logical: string;
  readonly subject: string;
  readonly page: 'state' | 'timed_event' | 'interrupts';
  readonly address: number;
  readonly writable: boolean;
}

/** A shared-memory channel with one writer and one reader, and the event that announces data; without a mode there is none. */
export interface ChannelDescription {
  readonly name: string;
  readonly sizeBytes: number;
  readonly mode?: 'async' | 'ipi';
  readonly writer: {
    readonly subject: string;
    readonly logical: string;
    readonly address: number;
    /** Given if there is an event. */
    readonly event?: number;
  };
  readonly reader: {
    readonly subject: string;
    readonly logical: string;
    readonly address: number;
    /** Given if there is an event. */
    readonly vector?: number;
  };
}

/** A device with one interrupt and I/O ports, owned by one subject. */
export interface DeviceDescription {
  readonly name: string;
  readonly subject: string;
  /** IRQ number, 0 .. 23, and the vector that the subject sees. */
  readonly irq: number;
  readonly vector: number;
  readonly ports: { readonly start: number; readonly end: number };
  /** Its page of registers: physical address, and where the subject has it. */
  readonly registers?: { readonly physicalAddress: number; readonly address: number };
  /**
   * A PCI device on bus 0; absent for an ISA device. With `unmaskEvent` its interrupt is line-signalled, hence
   * level-triggered, and that vmcall event unmasks it; without, it is message-signalled.
   */
  readonly pci?: { readonly device: number; readonly iommuGroup: number; readonly unmaskEvent?: number };
}

/** A device domain: its devices and the private memory of subjects that they may reach. */
export interface DomainDescription {
  readonly name: string;
  readonly devices: readonly string[];
  readonly memory: readonly {
    readonly logical: string;
    /** Name of a region, `<subject>|<name>`. */
    readonly physical: string;
    readonly address: number;
    readonly writable: boolean;
  }[];
}

export type KernelAction = 'subject_sleep' | 'subject_yield' | 'system_reboot' | 'system_poweroff' | 'system_panic';

/** A physical event besides trap and channel events. */
export interface EventDescription {
  readonly name: string;
  readonly mode: 'async' | 'ipi' | 'self' | 'switch' | 'kernel';
  /** The vmcall source; absent when the event is only raised by traps. */
  readonly source?: {
    readonly subject: string;
    readonly logical: string;
    readonly id: number;
    readonly action?: KernelAction;
  };
  /** Absent for kernel mode. */
  readonly target?: {
    readonly subject: string;
    readonly logical: string;
    /** Explicit id, else the lowest free one. */
    readonly id?: number;
    readonly action?: { readonly kind: 'inject_interrupt'; readonly vector: number } | { readonly kind: 'reset' };
  };
}

export interface PartitionDescription {
  readonly name: string;
  /** Groups in round-robin order; subjects of a group with the initial one first. */
  readonly groups: readonly (readonly string[])[];
}

export interface MinorFrameDescription {
  readonly partition: string;
  readonly ticks: number;
}
