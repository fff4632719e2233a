import { type BitFields, GPR_NAMES, SEGMENT_NAMES, type Vcpu } from './document.ts';
import { type ChildRule, type ElementRule, group, leaf, many, type NodeOf, needs, one } from './grammar.ts';
import { BIT, MSR_ADDRESS, oneOf, type ValueType, WORD16, WORD32, WORD64 } from './literal.ts';
import * as bits from './vcpu-bits.ts';

type LeafWithText<T> = {
  readonly attributes: Record<never, never>;
  readonly children: Record<never, never>;
  readonly text: ValueType<T>;
};

/** An element with one child per name, each with content of one type. */
function fields<const Name extends string, T>(
  names: readonly Name[],
  text: ValueType<T>,
): {
  readonly attributes: Record<never, never>;
  readonly children: Readonly<Record<Name, ChildRule<LeafWithText<T>>>>;
} {
  const field: ChildRule<LeafWithText<T>> = one({ attributes: {}, children: {}, text });
  return group(Object.fromEntries(names.map(name => [name, field])) as Record<Name, ChildRule<LeafWithText<T>>>);
}

const SEGMENT = leaf({ selector: needs(WORD16), base: needs(WORD64), limit: needs(WORD32), access: needs(WORD32) });

function segments(): {
  readonly attributes: Record<never, never>;
  readonly children: Readonly<Record<(typeof SEGMENT_NAMES)[number], ChildRule<typeof SEGMENT>>>;
} {
  type Rules = Record<(typeof SEGMENT_NAMES)[number], ChildRule<typeof SEGMENT>>;
  return group(Object.fromEntries(SEGMENT_NAMES.map(name => [name, one(SEGMENT)])) as Rules);
}

/** Grammar of `vcpu` in formats A and B: every bit is given. */
export const VCPU = group({
  vmx: one(
    group({
      controls: one(
        group({
          pin: one(fields(bits.PIN_BITS, BIT)),
          proc: one(fields(bits.PROC_BITS, BIT)),
          proc2: one(fields(bits.PROC2_BITS, BIT)),
          entry: one(fields(bits.ENTRY_BITS, BIT)),
          exit: one(fields(bits.EXIT_BITS, BIT)),
        }),
      ),
      masks: one(
        group({
          exception: one(fields(bits.EXCEPTION_BITS, BIT)),
          cr0: one(fields(bits.CR0_BITS, BIT)),
          cr4: one(fields(bits.CR4_BITS, BIT)),
        }),
      ),
    }),
  ),
  msrs: one(
    group({
      msr: many(
        leaf({
          start: needs(MSR_ADDRESS),
          end: needs(MSR_ADDRESS),
          mode: needs(oneOf('an MSR mode', ['r', 'w', 'rw'])),
        }),
      ),
    }),
  ),
  registers: one(
    group({
      gpr: one(fields(GPR_NAMES, WORD64)),
      cr0: one(fields(bits.CR0_BITS, BIT)),
      cr0Shadow: one(fields(bits.CR0_BITS, BIT)),
      cr4: one(fields(bits.CR4_BITS, BIT)),
      cr4Shadow: one(fields(bits.CR4_BITS, BIT)),
      segments: one(segments()),
    }),
  ),
});

export function toVcpu({ at, children }: NodeOf<typeof VCPU>): Vcpu {
  const { controls, masks } = children.vmx[0]!.children;
  const control = controls[0]!.children;
  const mask = masks[0]!.children;
  const registers = children.registers[0]!.children;
  return {
    at,
    controls: {
      pin: toBits(control.pin),
      proc: toBits(control.proc),
      proc2: toBits(control.proc2),
      entry: toBits(control.entry),
      exit: toBits(control.exit),
    },
    masks: { exception: toBits(mask.exception), cr0: toBits(mask.cr0), cr4: toBits(mask.cr4) },
    msrs: children.msrs[0]!.children.msr.map(({ at: place, attributes }) => ({ at: place, ...attributes })),
    gpr: Object.fromEntries(GPR_NAMES.map(name => [name, registers.gpr[0]!.children[name][0]!.text])),
    cr0: toBits(registers.cr0),
    cr0Shadow: toBits(registers.cr0Shadow),
    cr4: toBits(registers.cr4),
    cr4Shadow: toBits(registers.cr4Shadow),
    segments: Object.fromEntries(
      SEGMENT_NAMES.map(name => [name, registers.segments[0]!.children[name][0]!.attributes]),
    ),
  };
}

function toBits(nodes: readonly NodeOf<ElementRule>[]): BitFields {
  const values = Object.entries(nodes[0]!.children).map(([name, [node]]) => [name, node!.text]);
  return Object.fromEntries(values) as BitFields;
}
