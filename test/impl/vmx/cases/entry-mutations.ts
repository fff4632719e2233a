import { Entry, Exit, Pin, Proc, Proc2 } from '../../../../src/impl/vmx/control-bits.ts';
import { createRng } from '../../../../src/units/rng.ts';
import { encodingOf, launch, type Op, type OpList, poke, type VmxCase, vmwrite } from './case-program.ts';
import {
  COMPATIBILITY,
  ENTRY_MSR_LOAD,
  GUEST_PDPT,
  LONG,
  msrEntry,
  PAE,
  PAE_SHADOWED,
  PROFILES,
  PROTECTED,
  profileValue,
  REAL,
  RESTRICTED,
  SHADOWED,
  UNPAGED,
  VIRTUAL_8086,
  VIRTUAL_APIC,
  VMCS_A,
  VMCS_B,
} from './profiles.ts';

/* VMCS mutations: each case is a profile, a few changed fields or memory words, and one VMLAUNCH. */

interface Mutation {
  readonly name: string;
  readonly ops: readonly Op[];
}

const set = (field: string, value: bigint | number): Mutation => ({
  name: `${field}=${BigInt.asUintN(64, BigInt(value)).toString(16)}`,
  ops: [vmwrite(field, value)],
});
const all = (...parts: readonly Mutation[]): Mutation => ({
  name: parts.map(part => part.name).join(' '),
  ops: parts.flatMap(part => part.ops),
});
const memory = (address: number, value: bigint | number): Mutation => ({
  name: `[${address.toString(16)}]=${BigInt(value).toString(16)}`,
  ops: [poke(address, value)],
});

const flip = (profile: OpList, field: string, bits: number | bigint): Mutation =>
  set(field, profileValue(profile, encodingOf(field)) ^ BigInt(bits));
const flips = (profile: OpList, field: string, count: number): Mutation[] =>
  Array.from({ length: count }, (_, bit) => flip(profile, field, 1n << BigInt(bit)));
const values = (field: string, ...list: readonly (bigint | number)[]): Mutation[] =>
  list.map(value => set(field, value));

const casesOf = (profile: OpList, mutations: readonly Mutation[]): VmxCase[] =>
  mutations.map(({ name, ops }) => ({ name: `${profile.name}: ${name}`, lists: [profile], ops: [...ops, launch()] }));

const NOT_CANONICAL = [0x8000_0000_0000n, 0xffff_7fff_ffff_ffffn, 0x0001_0000_0000_0000n];
const BEYOND = [1n << 40n, 1n << 51n, 1n << 52n, 1n << 63n];
const SEGMENTS = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'LDTR', 'TR'];
const HOST_SELECTORS = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'TR'];

const withProc = (bits: number, ...more: readonly Mutation[]): Mutation =>
  all(set('PROC_CONTROLS', profileValue(LONG, encodingOf('PROC_CONTROLS')) | BigInt(bits >>> 0)), ...more);
const withProc2 = (bits: number, ...more: readonly Mutation[]): Mutation =>
  all(set('PROC2_CONTROLS', profileValue(LONG, encodingOf('PROC2_CONTROLS')) | BigInt(bits >>> 0)), ...more);
const withExit = (bits: number, ...more: readonly Mutation[]): Mutation =>
  all(set('EXIT_CONTROLS', profileValue(LONG, encodingOf('EXIT_CONTROLS')) | BigInt(bits >>> 0)), ...more);
const withEntry = (bits: number, ...more: readonly Mutation[]): Mutation =>
  all(set('ENTRY_CONTROLS', profileValue(LONG, encodingOf('ENTRY_CONTROLS')) | BigInt(bits >>> 0)), ...more);

/** Controls whose activation alone would change how the next exits come about more than the checks are about. */
const addressCases = (enable: (...more: readonly Mutation[]) => Mutation, field: string): Mutation[] =>
  [1, 0x800, 0xfff, ...BEYOND, 0xff_ffff_f000n].map(value => enable(set(field, value)));

function controlCases(): VmxCase[] {
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

function injectionCases(): VmxCase[] {
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

function hostCases(): VmxCase[] {
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

function segmentCases(): VmxCase[] {
  const list: VmxCase[] = [];
  for (const profile of [LONG, SHADOWED, PROTECTED, RESTRICTED, VIRTUAL_8086, REAL, COMPATIBILITY]) {
    for (const name of SEGMENTS) {
      const access = `GUEST_${name}_ACCESS`;
      const isSystem = name === 'LDTR' || name === 'TR';
      const mutations = [
        ...flips(profile, access, profile === LONG || profile === VIRTUAL_8086 ? 32 : 17),
        ...Array.from({ length: 16 }, (_, type) =>
          set(access, (profileValue(profile, encodingOf(access)) & ~0xfn) | BigInt(type)),
        ),
        ...[0, 0xffff, 0xfff, 0x1000, 0xf_ffff, 0x10_0000, 0xffff_ffff].map(value => set(`GUEST_${name}_LIMIT`, value)),
        ...[0x8000_0000_0000n, 1n << 32n, 0xffff_ffff_ffff_ffffn].map(value => set(`GUEST_${name}_BASE`, value)),
        ...[1, 2, 3, 4].map(bits => flip(profile, `GUEST_${name}_SELECTOR`, bits)),
      ];
      const ldtr = [0x82, 0x8082, 0x83, 0x92, 0x2, 0x182, 0x2_0082, 0x8000_0082].map(value =>
        all(set('GUEST_LDTR_ACCESS', value), set('GUEST_LDTR_LIMIT', 0xfff)),
      );
      const usableLdtr = [
        all(set('GUEST_LDTR_ACCESS', 0x82), set('GUEST_LDTR_SELECTOR', 4)),
        all(set('GUEST_LDTR_ACCESS', 0x82), set('GUEST_LDTR_BASE', 0x8000_0000_0000n)),
        all(set('GUEST_LDTR_ACCESS', 0x8082), set('GUEST_LDTR_LIMIT', 0xff)),
        all(set('GUEST_LDTR_ACCESS', 0x82), set('GUEST_LDTR_LIMIT', 0x10_0fff)),
      ];
      list.push(
        ...casesOf(
          profile,
          name === 'LDTR'
            ? [...mutations, ...ldtr, ...usableLdtr]
            : isSystem || profile !== COMPATIBILITY
              ? mutations
              : mutations.slice(0, 33),
        ),
      );
    }
  }
  const dpls = [0, 1, 2, 3].flatMap(cs =>
    [0, 1, 3].flatMap(ss =>
      [9, 11, 13, 15].map(type =>
        all(
          set('GUEST_CS_ACCESS', 0xa090 | type | (cs << 5)),
          set('GUEST_SS_ACCESS', 0xc093 | (ss << 5)),
          set('GUEST_SS_SELECTOR', 0x10 | ss),
          set('GUEST_CS_SELECTOR', 8 | ss),
        ),
      ),
    ),
  );
  const data = [0, 1, 2, 3].flatMap(dpl =>
    [1, 3, 9, 11, 13, 15].map(type =>
      all(set('GUEST_DS_ACCESS', 0xc090 | type | (dpl << 5)), set('GUEST_DS_SELECTOR', 0x12)),
    ),
  );
  const csData = [0, 1, 2].flatMap(cs =>
    [0, 3].map(ss =>
      all(
        set('GUEST_CS_ACCESS', 0xc093 | (cs << 5)),
        set('GUEST_SS_ACCESS', 0xc093 | (ss << 5)),
        set('GUEST_SS_SELECTOR', 0x10 | ss),
      ),
    ),
  );
  return [
    ...list,
    ...casesOf(LONG, [...dpls, ...data, set('GUEST_CS_ACCESS', 0xe09b), set('GUEST_CS_ACCESS', 0xc09b)]),
    ...casesOf(SHADOWED, [...dpls, ...data]),
    ...casesOf(PROTECTED, [...csData, ...data]),
    ...casesOf(RESTRICTED, [...csData, ...data]),
  ];
}

function registerCases(): VmxCase[] {
  const list: VmxCase[] = [];
  for (const profile of [LONG, SHADOWED, PROTECTED, PAE, REAL, VIRTUAL_8086]) {
    list.push(
      ...casesOf(profile, [
        ...flips(profile, 'GUEST_CR0', 33),
        ...flips(profile, 'GUEST_CR4', 33),
        ...flips(profile, 'GUEST_RFLAGS', 33).filter((_, bit) => bit !== 8),
        ...[8, 10, 11, 0].map(bit => flip(profile, 'GUEST_EFER', 1n << BigInt(bit))),
        flip(profile, 'GUEST_EFER', 0x500),
        flip(profile, 'ENTRY_CONTROLS', Entry.ia32eGuest),
        ...BEYOND.map(bits => flip(profile, 'GUEST_CR3', bits)),
        ...[1n << 32n, 1n << 47n, 1n << 63n].map(bits => flip(profile, 'GUEST_RIP', bits)),
      ]),
    );
  }
  list.push(
    ...casesOf(LONG, [
      ...[63, 40, 48].flatMap(bit =>
        ['GUEST_CR0', 'GUEST_CR4', 'GUEST_RFLAGS'].map(field => flip(LONG, field, 1n << BigInt(bit))),
      ),
      ...flips(LONG, 'GUEST_EFER', 64).filter((_, bit) => ![0, 8, 10, 11].includes(bit)),
      ...flips(LONG, 'GUEST_DEBUGCTL', 34),
      ...flips(LONG, 'GUEST_DR7', 34),
      all(
        flip(LONG, 'ENTRY_CONTROLS', Entry.loadDebugControls),
        set('GUEST_DR7', 1n << 33n),
        set('GUEST_DEBUGCTL', 1n << 20n),
      ),
      ...NOT_CANONICAL.flatMap(value =>
        [
          'GUEST_SYSENTER_ESP',
          'GUEST_SYSENTER_EIP',
          'GUEST_GDTR_BASE',
          'GUEST_IDTR_BASE',
          'GUEST_RIP',
          'GUEST_RSP',
        ].map(field => set(field, value)),
      ),
      ...['GUEST_GDTR_LIMIT', 'GUEST_IDTR_LIMIT'].flatMap(field =>
        values(field, 0xffff, 0x1_0000, 0x8000_0000, 0x1000_0fff),
      ),
      ...[1, 2, 3, 5, 7, 8, 0x80, 0xff].flatMap(type =>
        [0, 3, 7].map(byte => set('GUEST_PAT', 0x0606_0606_0606_0606n ^ (BigInt(type ^ 6) << BigInt(8 * byte)))),
      ),
      all(flip(LONG, 'ENTRY_CONTROLS', Entry.loadPat), set('GUEST_PAT', 2)),
      all(flip(LONG, 'ENTRY_CONTROLS', Entry.loadEfer), set('GUEST_EFER', 2)),
      ...[0, 1, 2, 0x8000_0000, 1n << 32n, 1n << 35n, 1n << 63n].map(value =>
        withEntry(Entry.loadPerfGlobalCtrl, set('GUEST_PERF_GLOBAL_CTRL', value)),
      ),
      ...[1, 2, 4, 5, 8, 0xffff_ffff].map(value => set('GUEST_ACTIVITY', value)),
      ...flips(LONG, 'GUEST_INTERRUPTIBILITY', 32),
      ...[1, 2, 3, 5, 9, 10].flatMap(blocking =>
        [0, 1, 2].flatMap(activity =>
          [2, 0x202].map(flags =>
            all(set('GUEST_INTERRUPTIBILITY', blocking), set('GUEST_ACTIVITY', activity), set('GUEST_RFLAGS', flags)),
          ),
        ),
      ),
      ...flips(LONG, 'GUEST_PENDING_DEBUG', 64),
      ...[0, 0x4000].flatMap(pending =>
        [1, 2].flatMap(blocking =>
          [0x202, 0x302].flatMap(flags =>
            [0, 2].map(debug =>
              all(
                set('GUEST_PENDING_DEBUG', pending),
                set('GUEST_INTERRUPTIBILITY', blocking),
                set('GUEST_RFLAGS', flags),
                set('GUEST_DEBUGCTL', debug),
              ),
            ),
          ),
        ),
      ),
      ...[0, 0x4000].flatMap(pending =>
        [2, 0x102].map(flags =>
          all(set('GUEST_PENDING_DEBUG', pending), set('GUEST_ACTIVITY', 1), set('GUEST_RFLAGS', flags)),
        ),
      ),
      ...values(
        'LINK_POINTER',
        0,
        1,
        VMCS_A,
        VMCS_B,
        0x800,
        0xffff_ffffn,
        0xffff_f000n,
        1n << 40n,
        1n << 63n,
        0xffff_ffff_ffff_f000n,
      ),
      all(set('LINK_POINTER', VMCS_B), memory(VMCS_B, 0x8000_002b)),
      all(set('LINK_POINTER', VMCS_B), memory(VMCS_B, 0)),
      withProc2(Proc2.vmcsShadowing, set('LINK_POINTER', VMCS_B)),
      withProc2(Proc2.vmcsShadowing, set('LINK_POINTER', VMCS_B), memory(VMCS_B, 0x8000_002b)),
      all(set('GUEST_RFLAGS', 0x2_0002)),
      all(set('GUEST_CS_ACCESS', 0xc09b), set('GUEST_RIP', 1n << 32n)),
    ]),
    ...casesOf(COMPATIBILITY, [
      ...values('GUEST_ACTIVITY', 1, 2),
      set('GUEST_RIP', 1n << 33n),
      set('GUEST_RFLAGS', 0x202),
    ]),
    ...casesOf(PROTECTED, [set('GUEST_RFLAGS', 0x2_0002)]),
    ...casesOf(UNPAGED, [set('GUEST_RFLAGS', 0x2_0002), set('GUEST_CR0', 0x30), set('GUEST_CR0', 0x8000_0030)]),
  );
  const pdptes = [1, 2, 4, 5, 6, 7, 8, 9, 40, 51, 52, 62, 63].map(bit => 0x3_6001n | (1n << BigInt(bit)));
  list.push(
    ...casesOf(
      PAE,
      [0, 1, 2, 3].flatMap(index => pdptes.map(value => set(`GUEST_PDPTE${index}`, value))),
    ),
    ...casesOf(
      PAE,
      pdptes.map(value => set('GUEST_PDPTE1', value & ~1n)),
    ),
    ...casesOf(
      PAE_SHADOWED,
      [0, 1, 2, 3].flatMap(index => pdptes.map(value => memory(GUEST_PDPT + 8 * index, value))),
    ),
    ...casesOf(
      PAE_SHADOWED,
      pdptes.map(value => memory(GUEST_PDPT + 8, value & ~1n)),
    ),
    ...casesOf(
      PAE_SHADOWED,
      [1, 0x10, 0x1f, 0x800].map(bits => flip(PAE_SHADOWED, 'GUEST_CR3', bits)),
    ),
  );
  return list;
}

/** MSR areas of VM entry: which MSRs and values stop the entry, and at which place. */
function msrLoadCases(): VmxCase[] {
  const entries: readonly (readonly [name: string, msr: number, value: bigint, reserved?: number])[] = [
    ['FS base', 0xc000_0100, 0n],
    ['GS base', 0xc000_0101, 0n],
    ['kernel GS base', 0xc000_0102, 0x1234n],
    ['kernel GS base, not canonical', 0xc000_0102, 0x8000_0000_0000n],
    ['STAR', 0xc000_0081, 0x8_0000_0000n],
    ['LSTAR', 0xc000_0082, 0x1234n],
    ['LSTAR, not canonical', 0xc000_0082, 0x8000_0000_0000n],
    ['FMASK', 0xc000_0084, 0x200n],
    ['SYSENTER_CS', 0x174, 8n],
    ['SYSENTER_ESP, not canonical', 0x175, 0x8000_0000_0000n],
    ['PAT', 0x277, 0x0007_0406_0007_0406n],
    ['PAT, reserved type', 0x277, 2n],
    ['x2APIC', 0x808, 0n],
    ['x2APIC last', 0x8ff, 0n],
    ['SMM monitor', 0x9b, 0n],
    ['feature control', 0x3a, 5n],
    ['VMX capability', 0x480, 0n],
    ['no such MSR', 0x1234, 0n],
    ['reserved bits', 0xc000_0081, 0n, 1],
    ['TSC', 0x10, 0x1_0000n],
    ['TSC_AUX', 0xc000_0103, 1n],
  ];
  const count = (n: number): Op[] => [
    vmwrite('ENTRY_MSR_LOAD_COUNT', n),
    vmwrite('ENTRY_MSR_LOAD_ADDRESS', ENTRY_MSR_LOAD),
  ];
  const good = (index: number): readonly Op[] => msrEntry(ENTRY_MSR_LOAD, index, 0xc000_0081, 0n);
  return entries.flatMap(([name, msr, value, reserved = 0]) =>
    [0, 2].map(place => ({
      name: `long: MSR load ${name} at ${place}`,
      lists: [LONG],
      ops: [
        ...Array.from({ length: place }, (_, index) => good(index)).flat(),
        ...msrEntry(ENTRY_MSR_LOAD, place, msr, value, reserved),
        ...count(place + 1),
        launch(),
      ],
    })),
  );
}

/** Two mutations at once: which failure wins. Ones that could leave a guest without its timer are left out. */
function pairCases(single: readonly VmxCase[], count: number): VmxCase[] {
  const usable = single.filter(one => !/PIN_CONTROLS|ACTIVITY|MSR load|LINK_POINTER/.test(one.name));
  const random = createRng(5);
  const pick = (): VmxCase => usable[random.below(usable.length)]!;
  const list: VmxCase[] = [];
  while (list.length < count) {
    const [first, second] = [pick(), pick()];
    if (first === second || first.lists[0] !== second.lists[0]) continue;
    list.push({
      name: `${first.name} + ${second.name}`,
      lists: first.lists,
      ops: [...first.ops.slice(0, -1), ...second.ops.slice(0, -1), launch()],
    });
  }
  return list;
}

/** Bochs 2.7 stops at an injected event of type 7 (pending MTF), which it does not implement, and waits for ever for a SIPI. */
const stopsBochs = (one: VmxCase): boolean => /GUEST_ACTIVITY=3$|ENTRY_INTERRUPT_INFO=800007.. /.test(one.name);

/** Every mutation, in a fixed order. */
export function entryCases(): readonly VmxCase[] {
  const profiles = PROFILES.map(profile => ({ name: `${profile.name}: as it is`, lists: [profile], ops: [launch()] }));
  const single = [...controlCases(), ...injectionCases(), ...hostCases(), ...segmentCases(), ...registerCases()];
  return [...profiles, ...single, ...msrLoadCases(), ...pairCases(single, 600)].filter(one => !stopsBochs(one));
}
