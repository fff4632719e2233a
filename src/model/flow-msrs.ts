import type { MsrRange, Subject } from '../policy/document.ts';
import type { FlowStatement } from './flow-edge.ts';
import { policyLine } from './flow-line.ts';
import type { FlowParties } from './flow-nodes.ts';

/** MSRs of the package or the platform, which the kernel does not switch: platform information, thermal, RAPL, HWP, TDP. */
const PLATFORM_MSRS: readonly number[] = [
  0xce, 0x19c, 0x1a2, 0x1b1, 0x606, 0x610, 0x611, 0x619, 0x641, 0x64b, 0x770, 0x771, 0x774,
];

/** Range with which a subject may access an MSR in one way. */
const rangeFor = (subject: Subject, msr: number, access: 'r' | 'w'): MsrRange | undefined =>
  subject.vcpu.msrs.find(({ start, end, mode }) => start <= msr && msr <= end && mode.includes(access));

/** What one subject writes into a platform-wide MSR, another one may read. */
export function msrFlows(parties: FlowParties): FlowStatement[] {
  const subjects = [...parties.subjects.values()];
  return PLATFORM_MSRS.flatMap(msr =>
    subjects.flatMap(from => {
      const written = rangeFor(from, msr, 'w');
      if (written === undefined) return [];
      return subjects.flatMap((to): FlowStatement[] => {
        const read = to === from ? undefined : rangeFor(to, msr, 'r');
        if (read === undefined) return [];
        return [
          {
            from: from.name,
            to: to.name,
            mechanism: 'platform-msr',
            via: `MSR 0x${msr.toString(16)}`,
            lines: [policyLine(written), policyLine(read)],
            detail: 'the kernel does not switch it',
          },
        ];
      });
    }),
  );
}
