import { Entry, Proc2 } from '../../../../src/impl/vmx/control-bits.ts';
import { encodingOf, type VmxCase } from './case-program.ts';
import {
  all,
  BEYOND,
  casesOf,
  flip,
  flips,
  memory,
  NOT_CANONICAL,
  SEGMENTS,
  set,
  values,
  withEntry,
  withProc2,
} from './mutation.ts';
import {
  COMPATIBILITY,
  GUEST_PDPT,
  LONG,
  PAE,
  PAE_SHADOWED,
  PROTECTED,
  profileValue,
  REAL,
  RESTRICTED,
  SHADOWED,
  UNPAGED,
  VIRTUAL_8086,
  VMCS_A,
  VMCS_B,
} from './profiles.ts';

/* Mutations of the guest-state area. */

export function segmentCases(): VmxCase[] {
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

export function registerCases(): VmxCase[] {
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
