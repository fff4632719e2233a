import { describe, expect, it } from 'vitest';
import { compileOps, compilePolicy } from '../../../src/impl/muen/compile.ts';
import { StateWord } from '../../../src/impl/muen/state-layout.ts';
import { type KernelTables, NONE, type SourceEventSpec, type SubjectSpec } from '../../../src/impl/muen/tables.ts';
import { joinBig, joinWords } from '../../../src/units/word.ts';
import { hasShared, parsed, SKIP_REASON, sharedBytes } from '../../policy/shared-files.ts';
import { type GoldenSource, type GoldenSubject, goldenSystems, goldenTables } from './golden-tables.ts';

/*
 * The implementation's kernel tables against the kernel specification that the real toolchain generated from the same policy.
 *
 * Nothing is left out but: the MSR store (the implementation has none yet), addresses of the kernel's own stacks and virtual
 * mappings (hosted kernel code has no stack; its pages are compared with the policy by other tests), I/O APIC and VT-d entries
 * (not part of these tables), and the exact TSC frequency in kHz (`speed` of the policy, compared through the deadlines).
 */

const ACTIONS: Readonly<Record<string, string>> = {
  none: 'No_Action',
  subject_sleep: 'Subject_Sleep',
  subject_yield: 'Subject_Yield',
  system_reboot: 'System_Reboot',
  system_poweroff: 'System_Poweroff',
  system_panic: 'System_Panic',
  unmask_irq: 'Unmask_Irq',
  inject_interrupt: 'Inject_Interrupt',
  reset: 'Reset',
};

const asGolden = (event: SourceEventSpec): GoldenSource => ({
  action: ACTIONS[event.action]!,
  target: event.targetSubject,
  targetEvent: event.targetEvent,
  handover: event.handover,
  ipi: event.sendIpi,
  irq: event.irq,
});

const SEGMENTS = ['CS', 'SS', 'DS', 'ES', 'FS', 'GS', 'TR', 'LDTR'];
const GPRS = 'CR2 RAX RBX RCX RDX RDI RSI RBP R08 R09 R10 R11 R12 R13 R14 R15'.split(' ');

/** The compiled subject in the form and with the names of the generated specification. */
function specOf(subject: SubjectSpec, state: Uint32Array) {
  const at = (word: number): number => joinWords(state[word]!, state[word + 1]!);
  const segment = (word: number) => ({
    Selector: at(word),
    Base: at(word + 2),
    Limit: state[word + 4]!,
    Access_Rights: state[word + 5]!,
  });
  return {
    CPU_ID: subject.cpu,
    PML4_Address: subject.ept ? 0 : subject.rootTable,
    EPT_Pointer: subject.ept ? subject.rootTable + 0x1e : 0,
    VMCS_Address: subject.pages.vmcs,
    IO_Bitmap_Address: subject.ioBitmap,
    MSR_Bitmap_Address: subject.msrBitmap,
    Stack_Address: at(StateWord.rip + 2),
    Entry_Point: subject.entryPoint,
    GPRs: Object.fromEntries(GPRS.map((name, index) => [name, at(2 * index)])),
    Segment_Regs: Object.fromEntries(SEGMENTS.map((name, index) => [name, segment(StateWord.csSelector + 6 * index)])),
    CR0_Value: at(45),
    CR0_Shadow: at(47),
    CR0_Mask: joinBig(...subject.cr0Mask),
    CR4_Value: at(51),
    CR4_Shadow: at(53),
    CR4_Mask: joinBig(...subject.cr4Mask),
    Exception_Bitmap: subject.exceptionBitmap,
    VMX_Controls: {
      Exec_Pin: subject.pinControls,
      Exec_Proc: subject.procControls,
      Exec_Proc2: subject.proc2Controls,
      Exit_Ctrls: subject.exitControls,
      Entry_Ctrls: subject.entryControls,
    },
  };
}

function compiled(system: string): KernelTables {
  const { document } = parsed(sharedBytes(`golden/systems/${system}/policy_b.xml`));
  const result = compilePolicy(document, compileOps);
  if (!result.ok) throw new Error(result.error.map(({ message }) => message).join('\n'));
  return result.value.tables;
}

const systems = hasShared ? goldenSystems() : [];

describe.skipIf(!hasShared)(`compilePolicy (${SKIP_REASON})`, () => {
  it('has systems to compare', () => {
    expect(systems).toHaveLength(7);
  });

  describe.each(systems)('%s', system => {
    const tables = compiled(system);
    const golden = goldenTables(system);

    it('schedules the same minor frames with the same deadlines', () => {
      expect(tables.cpuCount).toBe(golden.cpuCount);
      expect(tables.plans).toEqual(golden.plans);
      expect(tables.vmxTimerRate).toBe(golden.vmxTimerRate);
    });

    it('has the same major frames: periods and barrier sizes', () => {
      expect(tables.majorFrames.map(({ periodCycles }) => periodCycles)).toEqual(golden.periods);
      expect(tables.majorFrames.map(({ barrierSizes }) => barrierSizes)).toEqual(golden.barrierSizes);
    });

    it('has the same partitions, groups and initial subjects', () => {
      expect(tables.partitions.map(({ groups }) => groups)).toEqual(golden.partitionGroups);
      expect(tables.groups.map(({ initialSubject, index }) => ({ initialSubject, index }))).toEqual(golden.groups);
      expect(tables.subjects.map(({ group, partition }) => ({ group, partition }))).toEqual(
        golden.subjects.map(({ group, partition }) => ({ group, partition })),
      );
      tables.partitions.forEach(({ groups, cpu }, partition) => {
        for (const group of groups) expect(tables.groups[group]).toMatchObject({ partition });
        for (const subject of tables.subjects) if (subject.partition === partition) expect(subject.cpu).toBe(cpu);
      });
    });

    it('routes the same vectors, level-triggered where the I/O APIC is', () => {
      for (let vector = 0; vector < 256; vector++) {
        const route = tables.vectorRouting[vector];
        const expected = golden.routes.get(vector);
        expect(route && { subject: route.subject, vector: route.vector }, `vector ${vector}`).toEqual(expected);
        if (route !== undefined) expect(route.level, `vector ${vector}`).toBe(golden.levelVectors.has(vector));
      }
    });

    const rows = golden.subjects.map((subject, id): [string, SubjectSpec, GoldenSubject] => [
      tables.subjects[id]!.name,
      tables.subjects[id]!,
      subject,
    ]);

    it.each(rows)('%s has the same traps, calls and target events', (_name, subject, expected) => {
      expect(subject.traps.map(asGolden)).toEqual(expected.traps);
      expect(subject.vmcalls.map(asGolden)).toEqual(expected.vmcalls);
      expect(subject.targets.map(({ action, vector }) => ({ action: ACTIONS[action], vector }))).toEqual(
        expected.targets,
      );
      for (const event of subject.vmcalls) if (event.targetSubject === NONE) expect(event.targetEvent).toBe(NONE);
    });

    it.each(rows)('%s has the same specification', (_name, subject, expected) => {
      const { MSR_Store_Address: _address, MSR_Count: _count, ...spec } = expected.spec;
      expect(specOf(subject, subject.initialState)).toEqual(spec);
    });
  });
});
