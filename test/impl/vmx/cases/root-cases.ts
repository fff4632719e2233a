import { launch, OP, type Op, op, poke, type VmxCase, vmwrite } from './case-program.ts';
import { GUEST_CODE, LONG, VMCS_A, VMCS_B } from './profiles.ts';

/* VMX instructions in root operation. */

export function rootCases(): VmxCase[] {
  const plain = (name: string, ...ops: readonly Op[]): VmxCase => ({ name, lists: [], ops });
  const ready = (name: string, ...ops: readonly Op[]): VmxCase => ({ name, lists: [LONG], ops });
  const INSTRUCTIONS = [
    'VMCALL',
    'VMLAUNCH',
    'VMRESUME',
    'VMXOFF',
    'VMREAD',
    'VMWRITE',
    'VMPTRLD',
    'VMPTRST',
    'VMCLEAR',
    'VMXON',
    'INVEPT',
    'INVVPID',
  ];
  return [
    plain('VMLAUNCH of an empty VMCS', launch()),
    plain('VMRESUME of a clear VMCS', op(OP.resume, 1)),
    ready('VMLAUNCH twice', launch(), launch()),
    ready('VMRESUME after VMLAUNCH', launch(), vmwrite('GUEST_RIP', GUEST_CODE), op(OP.resume, 1)),
    ready('VMRESUME after VMCLEAR', launch(), op(OP.vmclear, 0, VMCS_A), op(OP.vmptrld, 0, VMCS_A), op(OP.resume, 1)),
    ready('VMLAUNCH after a failed one', vmwrite('GUEST_RFLAGS', 0), launch(), vmwrite('GUEST_RFLAGS', 2), launch()),
    ready('VMLAUNCH in the shadow of MOV SS', op(OP.launchBlocked, 1), launch()),
    ready('VMRESUME in the shadow of MOV SS', op(OP.resumeBlocked, 1)),
    plain(
      'VMCLEAR of the current VMCS',
      op(OP.vmclear, 0, VMCS_A),
      op(OP.vmread, 0x4400),
      op(OP.vmptrst),
      launch(),
      op(OP.resume, 1),
    ),
    plain('VMCLEAR, misaligned', op(OP.vmclear, 0, 0x800)),
    plain('VMCLEAR, beyond the width', op(OP.vmclear, 0, 1n << 40n)),
    plain('VMCLEAR of the VMXON region', op(OP.vmclear, 0, 0x20000)),
    plain('VMPTRLD, misaligned', op(OP.vmptrld, 0, 0x21008)),
    plain('VMPTRLD, beyond the width', op(OP.vmptrld, 0, 1n << 45n)),
    plain('VMPTRLD of the VMXON region', op(OP.vmptrld, 0, 0x20000)),
    plain('VMPTRLD, revision', poke(VMCS_B, 0x1234), op(OP.vmptrld, 0, VMCS_B)),
    plain('VMPTRLD and VMPTRST', op(OP.vmptrld, 0, VMCS_B), op(OP.vmptrst), op(OP.vmptrld, 0, VMCS_A), op(OP.vmptrst)),
    plain(
      'failures without current VMCS',
      op(OP.vmclear, 0, VMCS_A),
      op(OP.vmclear, 0, 1),
      op(OP.vmptrld, 0, 1),
      op(OP.vmxon, 0, 0x20000),
      op(OP.invept, 0, 0),
      op(OP.vmwriteLoud, 0x6c00, 1),
    ),
    plain('VMXON twice', op(OP.vmxon, 0, 0x20000), op(OP.vmxon, 0, 1)),
    plain('VMXOFF and VMXON', op(OP.vmxoff), op(OP.vmptrst), op(OP.vmxon, 0, 0x20000), op(OP.vmptrst)),
    plain('VMXON, misaligned', op(OP.vmxoff), op(OP.vmxon, 0, 0x20001)),
    plain('VMXON, beyond the width', op(OP.vmxoff), op(OP.vmxon, 0, 1n << 41n)),
    plain('VMXON, revision', op(OP.vmxoff), poke(0x20000, 0x1_0000_0000n), op(OP.vmxon, 0, 0x20000)),
    plain('VMXON without CR4.VMXE', op(OP.vmxoff), op(OP.cr4, 0, 0x20), op(OP.vmxon, 0, 0x20000)),
    plain('VMXON without CR0.NE', op(OP.vmxoff), op(OP.cr0, 0, 0x8001_0011), op(OP.vmxon, 0, 0x20000)),
    plain('CR0.NE in VMX operation', op(OP.cr0, 0, 0x8001_0011)),
    plain('CR0.PG in VMX operation', op(OP.cr0, 0, 0x0001_0031)),
    plain('CR4.VMXE in VMX operation', op(OP.cr4, 0, 0x20)),
    plain(
      'VMX instructions outside of VMX operation',
      op(OP.vmxoff),
      ...[
        OP.vmxoff,
        OP.vmclear,
        OP.vmptrld,
        OP.vmptrst,
        OP.vmread,
        OP.vmwriteLoud,
        OP.launch,
        OP.resume,
        OP.invept,
        OP.invvpid,
      ].map(kind => op(kind)),
    ),
    plain(
      'VMREAD of what is no field',
      op(OP.vmread, 0x9999),
      op(OP.vmread, 0x6c18),
      op(OP.vmread, 0x4001),
      op(OP.vmread, 0x0801),
      op(OP.vmread, 0x6801),
      op(OP.vmread, 0xffff_ffff),
    ),
    plain('VMWRITE of what is no field', op(OP.vmwriteLoud, 0x9999, 1), op(OP.vmwriteLoud, 0x6c18, 1)),
    plain('VMWRITE to a read-only field', op(OP.vmwriteLoud, 0x4402, 0x55), op(OP.vmread, 0x4402)),
    plain(
      'halves of a 64-bit field',
      op(OP.vmwriteLoud, 0x2800, 0x1122_3344_5566_7788n),
      op(OP.vmread, 0x2800),
      op(OP.vmread, 0x2801),
      op(OP.vmwriteLoud, 0x2801, 0xffff_ffff_9999_9999n),
      op(OP.vmread, 0x2800),
    ),
    plain(
      'widths of fields',
      op(OP.vmwriteLoud, 0x0800, 0x1_2345_6789n),
      op(OP.vmread, 0x0800),
      op(OP.vmwriteLoud, 0x4800, 0x1_2345_6789n),
      op(OP.vmread, 0x4800),
      op(OP.vmwriteLoud, 0x6800, 0x1122_3344_5566_7788n),
      op(OP.vmread, 0x6800),
    ),
    plain('fields, 16 bits', op(OP.sweep, 0, 0xfff)),
    plain('fields, 64 bits', op(OP.sweep, 0x2000, 0x2fff)),
    plain('fields, 32 bits', op(OP.sweep, 0x4000, 0x4fff)),
    plain('fields, natural width', op(OP.sweep, 0x6000, 0x6fff)),
    ...[0, 1, 2, 3, 4].map(type => plain(`INVEPT type ${type}`, op(OP.invept, type, 0x3_001e), op(OP.invept, type, 0))),
    plain('INVEPT with reserved bits', op(OP.inveptReserved, 1, 1), op(OP.inveptReserved, 2, 1)),
    plain(
      'INVEPT with a bad pointer',
      ...[0x3_001f, 0x3_0006, 0x3_009e, (1n << 45n) | 0x3_001en].map((pointer: bigint | number) =>
        op(OP.invept, 1, pointer),
      ),
    ),
    ...[0, 1, 2, 3, 4].map(type =>
      plain(`INVVPID type ${type}`, op(OP.invvpid, type, 1), op(OP.invvpid, type, 0), op(OP.invvpid, type, 0x1_0001)),
    ),
    plain(
      'INVVPID of addresses',
      op(OP.invvpidAddress, 0, 0x1234),
      op(OP.invvpidAddress, 0, 0x8000_0000_0000n),
      op(OP.invvpidAddress, 1, 0x8000_0000_0000n),
    ),
    ...INSTRUCTIONS.flatMap((name, index) =>
      name === 'VMCALL'
        ? []
        : [
            plain(`${name} in ring 3`, op(OP.userInstruction, index)),
            plain(`${name} in compatibility mode`, op(OP.compatibilityInstruction, index)),
          ],
    ),
    ...Array.from({ length: 17 }, (_, index) =>
      plain(`WRMSR of capability ${(0x480 + index).toString(16)}`, op(OP.wrmsr, 0x480 + index, 0)),
    ),
  ];
}
