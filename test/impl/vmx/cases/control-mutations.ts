import { Entry, Exit, Pin, Proc, Proc2 } from '../../../../src/impl/vmx/control-bits.ts';
import type { VmxCase } from './case-program.ts';
import {
  addressCases,
  all,
  BEYOND,
  casesOf,
  flip,
  flips,
  HOST_SELECTORS,
  type Mutation,
  memory,
  NOT_CANONICAL,
  set,
  values,
  withEntry,
  withExit,
  withProc,
  withProc2,
} from './mutation.ts';
import { LONG, PROTECTED, REAL, RESTRICTED, SHADOWED, UNPAGED, VIRTUAL_APIC } from './profiles.ts';

/* Mutations of the controls, the injected event and the host-state area. */

export function controlCases(): VmxCase[] {
  const controls = ['PIN_CONTROLS', 'PROC_CONTROLS', 'PROC2_CONTROLS', 'EXIT_CONTROLS', 'ENTRY_CONTROLS'];
  const list: VmxCase[] = [];
  for (const profile of [LONG, SHADOWED, PROTECTED]) {
    for (const field of controls) list.push(...casesOf(profile, flips(profile, field, 32)));
  }
  const tpr = (...more: readonly Mutation[]): Mutation => withProc(Proc.tprShadow, ...more);
  list.push(
    ...casesOf(LONG, [
      ...values('CR3_TARGET_COUNT', 1, 4, 5, 6, 0x100, 0xffff_ffff),
      ...addressCases((...more) => withProc(Proc.ioBitmaps, ...more), 'IO_BITMAP_A'),
      ...addressCases((...more) => withProc(Proc.ioBitmaps, ...more), 'IO_BITMAP_B'),
      ...addressCases((...more) => withProc(Proc.msrBitmaps, ...more), 'MSR_BITMAP'),
      ...addressCases((...more) => withProc2(Proc2.virtualizeApicAccesses, ...more), 'APIC_ACCESS_ADDRESS'),
      ...addressCases((...more) => withProc2(Proc2.pageModificationLogging, ...more), 'PML_ADDRESS'),
      ...addressCases(
        (...more) => withProc2(Proc2.virtualizationException, ...more),
        'VIRTUALIZATION_EXCEPTION_ADDRESS',
      ),
      ...addressCases((...more) => withProc2(Proc2.vmcsShadowing, ...more), 'VMREAD_BITMAP'),
      ...addressCases((...more) => withProc2(Proc2.vmcsShadowing, ...more), 'VMWRITE_BITMAP'),
      ...[1, 0x800, 0xfff, ...BEYOND].map(value => tpr(set('VIRTUAL_APIC_ADDRESS', value))),
      ...[0, 1, 2, 15, 16, 0x8000_0000].map(value => tpr(set('TPR_THRESHOLD', value))),
      ...[0, 1, 2, 3, 15].map(value => tpr(memory(VIRTUAL_APIC + 0x80, 0x20), set('TPR_THRESHOLD', value))),
      ...[0, 1, 16].map(value => all(withProc2(Proc2.virtualizeApicAccesses), set('TPR_THRESHOLD', value))),
      ...[0, 1, 16].map(value => all(withProc2(Proc2.virtualizeX2apic), set('TPR_THRESHOLD', value))),
      ...[0, 1, 16].map(value => all(withProc2(Proc2.virtualInterruptDelivery), set('TPR_THRESHOLD', value))),
      ...[Proc2.virtualizeX2apic, Proc2.apicRegisterVirtualization, Proc2.virtualInterruptDelivery].map(bit =>
        all(withProc2(bit), flip(LONG, 'PROC_CONTROLS', Proc.tprShadow)),
      ),
      withProc2(Proc2.virtualizeX2apic | Proc2.virtualizeApicAccesses),
      ...[0, Pin.externalInterruptExiting].map(bit =>
        all(withProc2(Proc2.virtualInterruptDelivery), flip(LONG, 'PIN_CONTROLS', bit)),
      ),
      ...[Pin.nmiExiting, Pin.virtualNmis, Pin.nmiExiting | Pin.virtualNmis].map(bits =>
        flip(LONG, 'PIN_CONTROLS', bits),
      ),
      ...[0, Pin.virtualNmis, Pin.nmiExiting | Pin.virtualNmis].map(bits =>
        all(flip(LONG, 'PIN_CONTROLS', bits), withProc(Proc.nmiWindowExiting)),
      ),
      ...values('VPID', 0, 1, 2, 0xffff),
      ...[0, 1, 2, 3, 4, 5, 6, 7].map(type => set('EPT_POINTER', 0x3_0018 | type)),
      ...[0, 1, 2, 4, 5, 6, 7].map(length => set('EPT_POINTER', 0x3_0006 | (length << 3))),
      ...[6, 7, 8, 9, 10, 11].map(bit => set('EPT_POINTER', 0x3_001e | (1 << bit))),
      ...BEYOND.map(bits => set('EPT_POINTER', 0x3_001en | bits)),
      ...[Proc2.ept, Proc2.ept | Proc2.unrestrictedGuest, Proc2.unrestrictedGuest].map(bits =>
        flip(LONG, 'PROC2_CONTROLS', bits),
      ),
      set('PROC2_CONTROLS', Proc2.pageModificationLogging),
      ...[0, 1, 2, 1n << 32n, 1n << 63n].map(value => withProc2(Proc2.vmFunctions, set('VM_FUNCTION_CONTROLS', value))),
      ...[0, 1, 0x800, ...BEYOND].map(value =>
        withProc2(Proc2.vmFunctions, set('VM_FUNCTION_CONTROLS', 1), set('EPTP_LIST_ADDRESS', value)),
      ),
      all(set('PROC2_CONTROLS', Proc2.vmFunctions), set('VM_FUNCTION_CONTROLS', 1)),
      ...[0, 1, 1n << 48n].map(value => withProc2(Proc2.tscScaling, set('TSC_MULTIPLIER', value))),
      flip(LONG, 'PIN_CONTROLS', Pin.preemptionTimer),
      all(flip(LONG, 'PIN_CONTROLS', Pin.preemptionTimer), flip(LONG, 'EXIT_CONTROLS', Exit.savePreemptionTimer)),
      ...['EXIT_MSR_STORE', 'EXIT_MSR_LOAD', 'ENTRY_MSR_LOAD'].flatMap(list =>
        [
          [1, 0x28001],
          [1, 0x28008],
          [1, 1n << 40n],
          [2, 0xff_ffff_fff0n],
          [0x1001, 0xff_ffff_0000n],
          [1, 1n << 52n],
          [1, 1n << 63n],
          [0, 1],
        ].map(([count, address]) => all(set(`${list}_COUNT`, count!), set(`${list}_ADDRESS`, address!))),
      ),
      ...[Entry.entryToSmm, Entry.deactivateDualMonitor, Entry.entryToSmm | Entry.deactivateDualMonitor].map(bits =>
        withEntry(bits),
      ),
    ]),
  );
  return list;
}

const VECTORS = [0, 1, 2, 3, 4, 8, 10, 11, 12, 13, 14, 16, 17, 18, 21, 31, 32, 255];
const injection = (type: number, vector: number, rest = 0): number => (0x8000_0000 | (type << 8) | vector | rest) >>> 0;

export function injectionCases(): VmxCase[] {
  const list: Mutation[] = [];
  for (let type = 0; type < 8; type++) {
    for (const vector of VECTORS) {
      for (const errorCode of [0, 0x800]) {
        list.push(
          all(
            set('ENTRY_INTERRUPT_INFO', injection(type, vector, errorCode)),
            set('ENTRY_INSTRUCTION_LENGTH', 2),
            set('GUEST_RFLAGS', 0x202),
          ),
        );
      }
    }
  }
  const software = [4, 5, 6].flatMap(type =>
    [0, 1, 15, 16, 0x100].map(length =>
      all(set('ENTRY_INTERRUPT_INFO', injection(type, 3)), set('ENTRY_INSTRUCTION_LENGTH', length)),
    ),
  );
  const reserved = Array.from({ length: 19 }, (_, bit) =>
    set('ENTRY_INTERRUPT_INFO', injection(2, 2, 1 << (12 + bit))),
  );
  const codes = [0, 1, 0xffff, 0x8000, 0x1_0000, 0x8000_0000].map(value =>
    all(set('ENTRY_INTERRUPT_INFO', injection(3, 13, 0x800)), set('ENTRY_EXCEPTION_ERROR_CODE', value)),
  );
  const restricted = [3, 0, 2].flatMap(type =>
    [2, 13, 14, 32].flatMap(vector =>
      [0, 0x800].map(errorCode => set('ENTRY_INTERRUPT_INFO', injection(type, vector, errorCode))),
    ),
  );
  const activities = [1, 2, 3].flatMap(activity =>
    [
      [0, 32],
      [2, 2],
      [3, 1],
      [3, 18],
      [3, 13],
      [3, 6],
      [4, 32],
      [5, 1],
      [6, 3],
      [7, 0],
    ].map(([type, vector]) =>
      all(
        set('GUEST_ACTIVITY', activity),
        set('ENTRY_INTERRUPT_INFO', injection(type!, vector!, type === 3 && vector === 13 ? 0x800 : 0)),
        set('ENTRY_INSTRUCTION_LENGTH', 1),
        set('GUEST_RFLAGS', 0x202),
      ),
    ),
  );
  const blocked = [1, 2, 4, 8, 9, 10].flatMap(blocking =>
    [
      [0, 32],
      [2, 2],
      [3, 6],
      [4, 32],
      [7, 0],
    ].map(([type, vector]) =>
      all(
        set('GUEST_INTERRUPTIBILITY', blocking),
        set('ENTRY_INTERRUPT_INFO', injection(type!, vector!)),
        set('ENTRY_INSTRUCTION_LENGTH', 1),
        set('GUEST_RFLAGS', 0x202),
      ),
    ),
  );
  const noInterrupts = [0, 2, 3].map(type =>
    all(set('ENTRY_INTERRUPT_INFO', injection(type, 2)), set('GUEST_RFLAGS', 2)),
  );
  const plainNmi = [0, 1, 2, 8].map(blocking =>
    all(
      flip(LONG, 'PIN_CONTROLS', Pin.virtualNmis),
      set('GUEST_INTERRUPTIBILITY', blocking),
      set('ENTRY_INTERRUPT_INFO', injection(2, 2)),
      set('GUEST_RFLAGS', 0x202),
    ),
  );
  return [
    ...casesOf(LONG, [
      ...list,
      ...software,
      ...reserved,
      ...codes,
      ...activities,
      ...blocked,
      ...noInterrupts,
      ...plainNmi,
    ]),
    ...casesOf(REAL, restricted),
    ...casesOf(UNPAGED, restricted),
    ...casesOf(RESTRICTED, restricted),
  ];
}

export function hostCases(): VmxCase[] {
  return casesOf(LONG, [
    ...flips(LONG, 'HOST_CR0', 0),
    ...[0x8000_0030, 0x8000_0011, 0x31, 0, 0x1_8000_0031n, 1n << 63n].map(value => set('HOST_CR0', value)),
    ...[0x20, 0x2000, 0x1_2020, 0x4_0000_2020n, 0x200_2020, 0x2_2000, 1n << 63n].map(value => set('HOST_CR4', value)),
    ...[12, 14, 15, 19, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 63].map(bit =>
      set('HOST_CR4', 0x2020n | (1n << BigInt(bit))),
    ),
    ...BEYOND.map(bits => set('HOST_CR3', 0x1000n | bits)),
    ...NOT_CANONICAL.flatMap(value =>
      ['HOST_SYSENTER_ESP', 'HOST_SYSENTER_EIP', 'HOST_RIP'].map(field => set(field, value)),
    ),
    ...['FS', 'GS', 'TR', 'GDTR', 'IDTR'].flatMap(name => NOT_CANONICAL.map(value => set(`HOST_${name}_BASE`, value))),
    ...HOST_SELECTORS.flatMap(name =>
      [1, 2, 3, 4, 7].map(bits => set(`HOST_${name}_SELECTOR`, (name === 'TR' ? 0x18 : 0x10) | bits)),
    ),
    ...['CS', 'TR'].map(name => set(`HOST_${name}_SELECTOR`, 0)),
    ...['DS', 'ES', 'FS', 'GS'].map(name => set(`HOST_${name}_SELECTOR`, 0)),
    ...Array.from({ length: 64 }, (_, bit) => set('HOST_EFER', 0xd01n ^ (1n << BigInt(bit)))).filter(
      (_, bit) => bit !== 0 && bit !== 11,
    ),
    set('HOST_EFER', 0),
    ...[1, 2, 3, 5, 7, 8, 0x80, 0xff].flatMap(type =>
      [0, 3, 7].map(byte => set('HOST_PAT', 0x0606_0606_0606_0606n ^ (BigInt(type ^ 6) << BigInt(8 * byte)))),
    ),
    all(flip(LONG, 'EXIT_CONTROLS', Exit.loadPat), set('HOST_PAT', 2)),
    ...[0, 1, 2, 3, 0x8000_0000, 1n << 32n, 1n << 35n, 1n << 63n].map(value =>
      withExit(Exit.loadPerfGlobalCtrl, set('HOST_PERF_GLOBAL_CTRL', value)),
    ),
    flip(LONG, 'EXIT_CONTROLS', Exit.hostAddressSpaceSize),
    all(flip(LONG, 'EXIT_CONTROLS', Exit.hostAddressSpaceSize), flip(LONG, 'ENTRY_CONTROLS', Entry.ia32eGuest)),
    all(flip(LONG, 'EXIT_CONTROLS', Exit.hostAddressSpaceSize), set('HOST_SS_SELECTOR', 0)),
    all(flip(LONG, 'EXIT_CONTROLS', Exit.hostAddressSpaceSize), set('HOST_RIP', 1n << 32n)),
    all(flip(LONG, 'EXIT_CONTROLS', Exit.hostAddressSpaceSize), set('HOST_CR4', 0x2_2020)),
  ]);
}
