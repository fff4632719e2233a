import { GPR_NAMES, SEGMENT_NAMES } from '../document.ts';
import { type ElementRule, group, leaf, many, needs, optional } from '../grammar.ts';
import { BIT, MSR_ADDRESS, oneOf, type ValueType, WORD16, WORD32, WORD64 } from '../literal.ts';
import * as bits from '../vcpu-bits.ts';

/** Elements with content of one type, each of which may be left to the profile. */
const fields = (names: readonly string[], text: ValueType<unknown>): ElementRule =>
  group(Object.fromEntries(names.map(name => [name, optional({ attributes: {}, children: {}, text })])));

const without = (names: readonly string[], ...fixed: readonly string[]): readonly string[] =>
  names.filter(name => !fixed.includes(name));

/** Bits that a source policy may set; the others are the same for every subject. */
const CR0 = without(bits.CR0_BITS, 'ExtensionType', 'NumericError', 'NotWritethrough', 'CacheDisable');
const CR4 = without(bits.CR4_BITS, 'MachineCheckEnable', 'VMXEnable');

const SEGMENT = leaf({ selector: needs(WORD16), base: needs(WORD64), limit: needs(WORD32), access: needs(WORD32) });

/** Grammar of `vcpu` in a source policy: what is given is laid over the profile. */
export const SOURCE_VCPU = group({
  vmx: optional(
    group({
      controls: optional(
        group({
          pin: optional(fields(without(bits.PIN_BITS, 'NMIExiting'), BIT)),
          proc: optional(fields(bits.PROC_BITS, BIT)),
          proc2: optional(fields(bits.PROC2_BITS, BIT)),
          entry: optional(fields(bits.ENTRY_BITS, BIT)),
          exit: optional(fields(bits.EXIT_BITS, BIT)),
        }),
      ),
      masks: optional(
        group({
          exception: optional(fields(without(bits.EXCEPTION_BITS, 'MachineCheck'), BIT)),
          cr0: optional(fields(CR0, BIT)),
          cr4: optional(fields(CR4, BIT)),
        }),
      ),
    }),
  ),
  msrs: optional(
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
  registers: optional(
    group({
      gpr: optional(fields(GPR_NAMES, WORD64)),
      cr0: optional(fields(CR0, BIT)),
      cr0Shadow: optional(fields(bits.CR0_BITS, BIT)),
      cr4: optional(fields(CR4, BIT)),
      cr4Shadow: optional(fields(bits.CR4_BITS, BIT)),
      segments: optional(group(Object.fromEntries(SEGMENT_NAMES.map(name => [name, optional(SEGMENT)])))),
    }),
  ),
});
