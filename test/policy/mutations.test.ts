import { describe, expect, it } from 'vitest';
import type { Finding } from '../../src/policy/finding.ts';
import { inferIntent } from '../../src/policy/intent.ts';
import { RULES } from '../../src/policy/rules/index.ts';
import { errorCodes, findingsOf, hasShared, parsed, SKIP_REASON, sharedBytes, sharedJson } from './shared-files.ts';

interface Mutation {
  readonly nr: number;
  readonly mutation: string;
  readonly verdict: 'rejected' | 'accepted';
  readonly check: string;
}

/** Error codes for each corruption that the real validator rejects. */
const REJECTED: Readonly<Record<number, readonly string[]>> = {
  1: ['MEM-OVERLAP'],
  3: ['MEM-OVERLAP'],
  5: ['MEM-ADDRESS-ALIGNED', 'MEM-OVERLAP'],
  9: ['MEM-REFERENCE'],
  11: ['SUBJ-VIRTUAL-OVERLAP'],
  13: ['SUBJ-MEMORY-NAME-UNIQUE'],
  15: ['SUBJ-MEMORY-TYPE'],
  17: ['MEM-TYPE-SYSTEM'],
  19: ['MEM-MONITOR'],
  31: ['KRN-MAP-STATE'],
  33: ['KRN-MAP-STATE'],
  35: ['KRN-STACK-ADDRESS', 'KRN-STACK-GUARD'],
  37: ['KRN-PRIVATE'],
  39: ['REG-VMXON'],
  41: ['REG-VMXON-CONSECUTIVE'],
  43: ['MEM-OVERLAP', 'REG-VMCS-SIZE'],
  45: ['REG-IOBM'],
  47: ['MEM-REFERENCE', 'REG-MSRSTORE'],
  51: ['DOM-CONTEXT'],
  53: ['MEM-REFERENCE', 'MEM-CRASH-AUDIT'],
  55: ['MEM-CRASH-AUDIT'],
  57: ['POL-RANGE'],
  59: ['EVT-EXITS-COMPLETE'],
  61: ['POL-RANGE'],
  63: ['EVT-ENDS'],
  65: ['EVT-NAME-UNIQUE'],
  67: ['EVT-IPI'],
  69: ['EVT-KERNEL-ACTION'],
  77: ['DEV-IRQ-UNIQUE'],
  81: ['DEV-PORT-UNIQUE'],
  83: ['HW-BLOCK-OVERLAP'],
  85: ['HW-IOMMU-AGAW'],
  87: ['POL-RANGE'],
  91: ['SUBJ-VIRTUAL-OVERLAP'],
  93: ['DEV-REFERENCE'],
  95: ['DEV-PCI-BUS', 'DEV-MMCONF'],
  99: ['MEM-TYPE-KERNEL', 'KRN-TEXT-WRITABLE'],
  101: ['DOM-MEMORY-TYPE'],
  103: ['SCHED-TICKS'],
  105: ['SCHED-BARRIER-REFERENCE'],
  107: ['SCHED-SYNC-POINTS', 'SCHED-BARRIER-REFERENCE'],
  109: ['SCHED-BARRIER-ID', 'SCHED-BARRIER-REFERENCE'],
  111: ['SCHED-AFFINITY'],
  113: ['SCHED-SUBJECT-CPU', 'SCHED-ASSIGNMENT', 'SCHED-RUNNABLE'],
  115: [
    'SUBJ-LOCAL-ID-UNIQUE',
    'KRN-MAP-STATE',
    'KRN-MAP-INTERRUPTS',
    'KRN-MAP-TIMED-EVENT',
    'KRN-MAP-VMCS',
    'KRN-MAP-FPU',
    'EVT-IPI',
    'SCHED-SUBJECT-CPU',
  ],
  117: ['SUBJ-GROUP-ID'],
  119: ['SCHED-PARTITION-ID', 'MEM-SCHED-INFO', 'KRN-MAP-SCHED-INFO'],
  121: ['POL-RANGE'],
  123: ['EVT-SWITCH'],
  125: ['SUBJ-LOCAL-ID-UNIQUE'],
  127: ['SUBJ-NAME-UNIQUE', 'SCHED-REFERENCE', 'MEM-ENTITY-NAME', 'MEM-MONITOR', 'MEM-SCHED-INFO', 'SUBJ-GROUP-ID'],
  133: ['VCPU-PIN'],
  135: ['VCPU-PROC'],
  137: ['VCPU-PROC'],
  139: ['VCPU-PROC'],
  141: ['VCPU-ENTRY-CHECKS'],
  143: ['VCPU-PROC2'],
  145: ['VCPU-PROC2'],
  147: ['VCPU-EXIT'],
  151: ['VCPU-EXCEPTIONS'],
  155: ['MSR-ORDER'],
  163: ['POL-MISSING-ATTRIBUTE'],
  165: ['PLAT-DIAGNOSTICS', 'KRN-DIAGNOSTICS'],
  175: ['SCHED-BARRIER-REFERENCE'],
  177: ['DEV-MSI-VECTORS'],
};

/**
 * Where the recorded check is a helper shared by several checks, or was inferred from the wrong message: the check that
 * its message belongs to.
 */
const CHECK_OF: Readonly<Record<number, string>> = {
  31: 'memory.Subject_State_Mappings',
  33: 'memory.Subject_State_Mappings',
  39: 'memory.VMXON_Region_Presence',
  43: 'memory.VMCS_Region_Size',
  67: 'events.IPI_Different_Core',
  83: 'hardware.Memory_Block_Overlap',
  115: 'memory.Subject_State_Mappings',
  // The real tool first calls unrelated groups not runnable, then (messages 19 and 20) names the handovers that are wrong.
  123: 'events.Switch_Same_Core',
};

/** What the real validator refuses without naming a check: it crashes, or the file breaks the schema. */
const UNNAMED: Readonly<Record<number, string>> = {
  17: 'constraint error',
  37: 'constraint error',
  45: 'constraint error',
  57: 'schema',
  61: 'schema',
  87: 'schema',
  109: 'constraint error',
  121: 'schema',
  163: 'schema',
};

/** How each corruption that the real validator accepts is dealt with. */
type Treatment =
  /** A rule reports an error. */
  | { readonly rule: string; readonly why: string }
  /** The property isolation/intent refutes the policy, or warns of the finding. */
  | { readonly intent: string; readonly why: string }
  /** A rule warns: nothing can be compiled from it, the compiler says so with its own error. */
  | { readonly warned: string; readonly why: string }
  /** It is legitimate. */
  | { readonly legitimate: string };

const ACCEPTED: Readonly<Record<number, Treatment>> = {
  7: { rule: 'MEM-EMPTY', why: 'a mapping of an empty region has no pages' },
  21: {
    intent: 'INTENT-CHANNEL-READER-WRITES',
    why: 'the reader of a channel can write to it: the flow is no longer one-way',
  },
  23: { intent: 'INTENT-CHANNEL-NO-WRITER', why: 'readers wait for a channel that nobody writes' },
  25: { intent: 'INTENT-CHANNEL-EXECUTABLE', why: 'a subject can execute what it writes into a channel' },
  27: { rule: 'MEM-INFO-WRITABLE', why: 'a subject can forge the time that all subjects of the partition read' },
  29: { warned: 'SUBJ-INFO', why: 'components of the subject fault at their first look at their resources' },
  49: { warned: 'REG-PT-SIZE', why: 'the page tables do not fit; PAGING-REGION-TOO-SMALL refuses to build them' },
  71: { rule: 'EVT-VECTOR-COLLISION', why: 'the subject cannot tell the event from the interrupt of its device' },
  73: { rule: 'EVT-VECTOR-EXCEPTION', why: 'the subject takes the interrupt for a double fault' },
  75: {
    legitimate:
      'one driver has both interrupts of the PS/2 controller and reads from it which of the two happened, as in the real systems of 2016; EVT-VECTOR-SHARED names them',
  },
  89: { rule: 'HW-APIC-ID', why: 'two CPUs with one APIC id: the second one never starts' },
  97: {
    legitimate:
      'VT-d has no context for a device without a domain and blocks all its DMA; registers and IRQs stay declared',
  },
  129: { rule: 'VCPU-VMXE', why: 'VM entry of the subject fails and nobody handles it' },
  131: { rule: 'VCPU-NATIVE', why: 'VM entry of a native subject without paging fails' },
  149: { rule: 'VCPU-EFER', why: 'EFER is loaded at entry but not saved at exit: the subject loses its value' },
  153: { rule: 'VCPU-CR0-OWNED', why: 'a native subject could switch its paging off' },
  157: { rule: 'VCPU-ENTRY-POINT', why: 'the subject starts where it maps nothing' },
  159: {
    intent: 'INTENT-MONITOR-OUTSIDE-PARTITION',
    why: 'registers of a subject are readable from another partition',
  },
  161: { rule: 'MEM-HASH-REFERENCE', why: 'the loader cannot verify the region' },
  167: { rule: 'KRN-CONTROLLERS', why: 'the kernel programs the I/O APIC at boot and would fault' },
  169: { intent: 'INTENT-CHANNEL-NO-WRITER', why: 'readers wait for a channel that nobody writes' },
  171: { rule: 'EVT-VECTOR-COLLISION', why: 'the subject cannot tell two events' },
  173: { intent: 'INTENT-PRIVATE-REGION', why: 'a subject writes the stack of another one' },
};

/** Rules that warn of a corruption. */
const WARNED: Readonly<Record<number, readonly string[]>> = {
  17: ['REG-PT-SIZE'],
  19: ['REG-PT-SIZE'],
  21: ['REG-PT-SIZE'],
  25: ['MEM-WRITE-EXECUTE'],
  29: ['SUBJ-INFO'],
  49: ['REG-PT-SIZE'],
  75: ['EVT-VECTOR-SHARED'],
  127: ['SUBJ-INFO'],
  159: ['REG-PT-SIZE'],
  177: ['EVT-VECTOR-SHARED'],
};

describe.skipIf(!hasShared)(`corrupted policies (${SKIP_REASON})`, () => {
  const mutations = hasShared ? sharedJson<Mutation[]>('golden/mutations/index.json') : [];
  const of = (wanted: Mutation['verdict']): readonly Mutation[] =>
    mutations.filter(({ verdict }) => verdict === wanted);
  const file = (nr: number): Uint8Array => sharedBytes(`golden/mutations/${String(nr).padStart(3, '0')}.xml.gz`);
  const known = new Map<number, readonly Finding[]>();
  const findings = (nr: number): readonly Finding[] => {
    const found = known.get(nr) ?? findingsOf(file(nr));
    known.set(nr, found);
    return found;
  };
  const validatorOf = new Map(RULES.map(({ code, validator }) => [code, validator]));

  it('has a row for each', () => {
    expect(Object.keys(REJECTED).map(Number)).toEqual(of('rejected').map(({ nr }) => nr));
    expect(Object.keys(ACCEPTED).map(Number)).toEqual(of('accepted').map(({ nr }) => nr));
    expect(of('accepted')).toHaveLength(23);
  });

  it.each(of('rejected'))('$nr is rejected by the check of the real validator: $mutation', ({ nr, check }) => {
    const codes = errorCodes(findings(nr));
    expect(codes).toEqual(REJECTED[nr]);
    const real = CHECK_OF[nr] ?? check;
    if (real === '') expect(UNNAMED[nr]).toBeDefined();
    else expect(codes.map(code => validatorOf.get(code))).toContain(real);
    for (const finding of findings(nr)) expect([finding.line > 0, finding.column > 0]).toEqual([true, true]);
  });

  it.each(of('accepted'))('$nr is accepted by the real validator, and here: $mutation', ({ nr }) => {
    const treatment = ACCEPTED[nr]!;
    const codes = errorCodes(findings(nr));
    expect(codes).toEqual('rule' in treatment ? [treatment.rule] : []);
    if ('warned' in treatment) expect(WARNED[nr]).toContain(treatment.warned);
    if ('intent' in treatment) {
      const { violations, warnings } = inferIntent(parsed(file(nr)).document);
      expect([...violations, ...warnings].map(({ code }) => code)).toContain(treatment.intent);
    }
  });

  it.each(mutations)('$nr has the expected warnings', ({ nr }) => {
    const warnings = findings(nr).filter(({ severity }) => severity !== 'error');
    expect([...new Set(warnings.map(({ code }) => code))]).toEqual(WARNED[nr] ?? []);
  });
});
