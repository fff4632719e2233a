import type { Cpu } from '../impl/cpu.ts';
import type { PhysicalMemory } from '../impl/memory.ts';
import type { Seams } from '../impl/seams.ts';
import type { System } from '../impl/system.ts';
import { Vmcs, vmcsWord } from '../impl/vmx/vmcs.ts';
import type { VmxHooks } from '../impl/vmx/vmx-hooks.ts';
import { type DeliveredEvent, EventType, type Intercept } from '../impl/x86/hooks.ts';
import { type Grant, subjectGrants } from '../model/grants.ts';
import type { BitFields, PolicyDocument, Subject } from '../policy/document.ts';
import { EXCEPTION_BITS } from '../policy/vcpu-bits.ts';
import { PAGE_SIZE_BYTES } from '../units/address.ts';
import { joinWords } from '../units/word.ts';
import { controlRegisterMask } from './initial-page.ts';

/*
 * What machine code of a subject may do without leaving guest mode, stated from the policy document and the SDM (Vol. 3C,
 * "Instructions That Cause VM Exits", "Exit Qualification"), apart from bitmaps, tables and controls that the kernel compiled.
 */

const at = {
  cr0Shadow: vmcsWord('CR0_SHADOW'),
  cr4Shadow: vmcsWord('CR4_SHADOW'),
  qualification: vmcsWord('EXIT_QUALIFICATION'),
  length: vmcsWord('EXIT_INSTRUCTION_LENGTH'),
};

/** Vectors below the last named exception that have no bit in a policy: NMI, and one that is reserved. */
const UNNAMED_VECTORS: readonly number[] = [2, 15];
/** Vectors in the order of the policy's names for exceptions. */
const NAMED_VECTORS = Array.from(
  { length: EXCEPTION_BITS.length + UNNAMED_VECTORS.length },
  (_, vector) => vector,
).filter(vector => !UNNAMED_VECTORS.includes(vector));
/** Names of exceptions in a policy by their vectors. */
const EXCEPTIONS: ReadonlyMap<number, string> = new Map(
  EXCEPTION_BITS.map((name, index) => [NAMED_VECTORS[index]!, name]),
);

/** Instructions that exit by one control; without one, always. */
const BY_CONTROL: Readonly<Record<string, readonly ['proc' | 'proc2', string] | undefined>> = {
  cpuid: undefined,
  invd: undefined,
  getsec: undefined,
  rsm: undefined,
  xsetbv: undefined,
  taskSwitch: undefined,
  hlt: ['proc', 'HLTExiting'],
  rdpmc: ['proc', 'RDPMCExiting'],
  rdtsc: ['proc', 'RDTSCExiting'],
  rdtscp: ['proc', 'RDTSCExiting'],
  mwait: ['proc', 'MWAITExiting'],
  monitor: ['proc', 'MONITORExiting'],
  invlpg: ['proc', 'INVLPGExiting'],
  invpcid: ['proc', 'INVLPGExiting'],
  readDr: ['proc', 'MOVDRExiting'],
  writeDr: ['proc', 'MOVDRExiting'],
  wbinvd: ['proc2', 'WBINVDExiting'],
  ...Object.fromEntries(
    ['sgdt', 'sidt', 'lgdt', 'lidt', 'sldt', 'str', 'lldt', 'ltr'].map(name => [
      name,
      ['proc2', 'DescriptorTableExiting'] as const,
    ]),
  ),
};

const INVALID_OPCODE = 6;
/** Exits that an instruction causes by being executed. */
const EXECUTED: readonly number[] = [
  10, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 36, 39, 50, 53, 54,
];

const TASK_SWITCHED = 8;
const PORTS = 0x1_0000;

interface Rules {
  readonly name: string;
  readonly subject: Subject;
  readonly grants: readonly Grant[];
  readonly cr0Mask: number;
  readonly cr4Mask: number;
  /** 1 for each port of its devices. */
  readonly ports: Uint8Array;
}

function portsOf(document: PolicyDocument, { devices }: Subject): Uint8Array {
  const open = new Uint8Array(PORTS);
  for (const device of devices) {
    const physical = document.hardware.devices.find(({ name }) => name === device.physical);
    for (const { physical: name } of device.ioPorts) {
      const range = physical?.ioPorts.find(row => row.name === name);
      if (range !== undefined) open.fill(1, range.start, range.end + 1);
    }
  }
  return open;
}

const isSet = (bits: BitFields, name: string): boolean => bits[name] === 1;

/** Watches what the processor does for the machine code of subjects, and says what the policy does not allow. */
export class GuestRules {
  /** What went wrong first in this run, empty if nothing did. */
  what = '';
  readonly #bySubject: readonly (Rules | undefined)[];
  #system: System | undefined;
  #subjectOfSlot = new Map<number, number>();
  #isDeciding = false;

  constructor(document: PolicyDocument) {
    const rules: Rules[] = [];
    for (const subject of document.subjects) {
      const origin = document.subjects.find(({ name }) => name === subject.siblingOf);
      rules[subject.globalId] = {
        name: subject.name,
        subject,
        // A sibling runs on the tables of its origin.
        grants: [subject, ...(origin === undefined ? [] : [origin])].flatMap(row => subjectGrants(document, row)),
        cr0Mask: controlRegisterMask(subject, 0),
        cr4Mask: controlRegisterMask(subject, 4),
        ports: portsOf(document, subject),
      };
    }
    this.#bySubject = rules;
  }

  /** The system whose processors are watched. */
  watch(system: System): void {
    this.#system = system;
    this.#subjectOfSlot = new Map(system.kernel.at.vmcsSlots.map((slot, subject) => [slot, subject]));
  }

  /** The implementation with its processors watched. */
  watching(seams: Seams): Seams {
    const { machine } = seams;
    return {
      ...seams,
      machine: {
        ...machine,
        translate: (memory, cpu, address, access) => {
          const physical = machine.translate(memory, cpu, address, access);
          this.#checkHosted(memory, cpu, address, access === 'write', physical);
          return physical;
        },
        createGuestHooks: (memory, platform, msrs) => {
          const hooks = machine.createGuestHooks(memory, platform, msrs);
          this.#watchHooks(hooks);
          return hooks;
        },
      },
    };
  }

  #watchHooks(hooks: VmxHooks): void {
    const { intercept, interceptEvent, translate, isDevice } = hooks;
    hooks.intercept = (cpu, what) => {
      const rules = this.#rulesOf(hooks);
      // Reading the expectation first: an exit changes what it is about.
      const expected = rules === undefined ? undefined : this.#mustExit(rules, hooks, what);
      const { length } = cpu.instruction;
      const isExit = this.#deciding(() => intercept.call(hooks, cpu, what));
      if (rules !== undefined) this.#checkIntercept(rules, hooks, what, expected, isExit, length);
      return isExit;
    };
    hooks.interceptEvent = (cpu, event) => {
      const rules = this.#rulesOf(hooks);
      const isInjected = hooks.unit.isInjecting && cpu.delivering === undefined;
      const isExit = this.#deciding(() => interceptEvent.call(hooks, cpu, event));
      if (rules !== undefined && !isInjected) this.#checkEvent(rules, event, isExit);
      return isExit;
    };
    hooks.isDevice = (cpu, frame) => {
      // Asked about every page of which a translation is to be used; nested paging is watched by guest-physical address.
      const isGuest = cpu.isNonRoot && !cpu.hasNestedPaging && !this.#isDeciding;
      const rules = isGuest ? this.#rulesOf(hooks) : undefined;
      if (rules !== undefined) this.#checkFrame(rules, frame);
      return isDevice.call(hooks, cpu, frame);
    };
    hooks.translate = (cpu, address, access) => {
      const rules = this.#rulesOf(hooks);
      const needsWrite = access.kind === 'write' || access.isAccessedDirty;
      let found: ReturnType<typeof translate>;
      try {
        found = translate.call(hooks, cpu, address, access);
      } catch (unwinding) {
        if (rules !== undefined) this.#checkRefused(rules, address, needsWrite, access.kind === 'fetch');
        throw unwinding;
      }
      if (rules !== undefined) this.#checkPlace(rules, address, needsWrite, access.kind === 'fetch', found.address);
      return found;
    };
  }

  /** While the processor decides about an exit it reads bitmaps, which are no memory of the subject. */
  #deciding<Value>(decide: () => Value): Value {
    this.#isDeciding = true;
    try {
      return decide();
    } finally {
      this.#isDeciding = false;
    }
  }

  /** An exit of machine code: the instruction that caused it stands where the policy lets the subject execute. */
  onExit(cpu: Cpu, subject: number, reason: number): void {
    const rules = this.#bySubject[subject];
    const spec = this.#system?.kernel.tables.subjects[subject];
    if (rules === undefined || spec === undefined || spec.ept) return;
    const isException = reason === 0 && (cpu.vmread(Vmcs.exitInterruptInfo) & 0xff) === INVALID_OPCODE;
    if (!isException && !EXECUTED.includes(reason)) return;
    const rip = joinWords(cpu.vmread(Vmcs.rip), cpu.vmread(Vmcs.rip + 1));
    if (this.#grantAt(rules, rip, false, true) === undefined)
      this.#note(rules, `an instruction is executed at ${hex(rip)}, which the policy does not grant`);
  }

  #rulesOf({ unit }: VmxHooks): Rules | undefined {
    return this.#bySubject[this.#subjectOfSlot.get(unit.slot) ?? -1];
  }

  #note(rules: Rules, what: string): void {
    if (this.what === '') this.what = `${rules.name}: ${what}`;
  }

  /** True if the policy wants an exit; undefined for what it does not decide. */
  #mustExit(rules: Rules, hooks: VmxHooks, what: Intercept): boolean | undefined {
    const { vcpu } = rules.subject;
    const { proc } = vcpu.controls;
    switch (what.kind) {
      case 'pause':
      case 'lmsw':
        return undefined;
      case 'io':
        if (what.port + what.sizeBytes > PORTS) return true;
        return Array.from({ length: what.sizeBytes }, (_, offset) => what.port + offset).some(
          port => rules.ports[port] === 0,
        );
      case 'rdmsr':
      case 'wrmsr': {
        const way = what.kind === 'rdmsr' ? 'r' : 'w';
        return !vcpu.msrs.some(row => what.index >= row.start && what.index <= row.end && row.mode.includes(way));
      }
      case 'clts':
        return (rules.cr0Mask & hooks.unit.low(at.cr0Shadow) & TASK_SWITCHED) !== 0;
      case 'readCr':
        return (what.cr === 3 && isSet(proc, 'CR3StoreExiting')) || (what.cr === 8 && isSet(proc, 'CR8StoreExiting'));
      case 'writeCr': {
        if (what.cr === 3) return isSet(proc, 'CR3LoadExiting');
        if (what.cr === 8) return isSet(proc, 'CR8LoadExiting');
        const [mask, shadow] = what.cr === 0 ? [rules.cr0Mask, at.cr0Shadow] : [rules.cr4Mask, at.cr4Shadow];
        const changed = what.value ^ hooks.unit.read(shadow);
        return changed >> 32n !== 0n || (Number(changed & 0xffff_ffffn) & mask) !== 0;
      }
      default: {
        const control = BY_CONTROL[what.kind];
        return control === undefined ? true : isSet(vcpu.controls[control[0]], control[1]);
      }
    }
  }

  #checkIntercept(
    rules: Rules,
    hooks: VmxHooks,
    what: Intercept,
    expected: boolean | undefined,
    isExit: boolean,
    length: number,
  ): void {
    if (expected === undefined) return;
    if (expected !== isExit) {
      this.#note(
        rules,
        `${what.kind} ${isExit ? 'exits' : 'does not exit'}, against controls and bitmaps of the policy`,
      );
      return;
    }
    if (!isExit || what.kind === 'taskSwitch') return;
    if (hooks.unit.low(at.length) !== length)
      this.#note(rules, `the exit of ${what.kind} has an instruction length of ${hooks.unit.low(at.length)}`);
    const qualification = qualificationOf(what);
    if (qualification !== undefined && hooks.unit.low(at.qualification) !== qualification)
      this.#note(
        rules,
        `the exit of ${what.kind} has qualification 0x${hooks.unit.low(at.qualification).toString(16)}`,
      );
  }

  #checkEvent(rules: Rules, { type, vector }: DeliveredEvent, isExit: boolean): void {
    const name = EXCEPTIONS.get(vector);
    const isException = type === EventType.hardwareException || type >= EventType.privilegedSoftwareException;
    if (!isException || name === undefined) return;
    // Exceptions that the policy does not name exit.
    const expected = rules.subject.vcpu.masks.exception[name] !== 0;
    if (expected !== isExit)
      this.#note(rules, `exception ${vector} ${isExit ? 'exits' : 'does not exit'}, against the bitmap of the policy`);
  }

  #grantAt({ grants }: Rules, address: number, needsWrite: boolean, needsExecute: boolean): Grant | undefined {
    return grants.find(
      ({ va, sizeBytes, writable, executable }) =>
        address >= va && address < va + sizeBytes && (writable || !needsWrite) && (executable || !needsExecute),
    );
  }

  #checkPlace(rules: Rules, address: number, isWrite: boolean, isFetch: boolean, physical: number): void {
    const grant = this.#grantAt(rules, address, isWrite, isFetch);
    const way = isWrite ? 'written' : isFetch ? 'executed' : 'read';
    if (grant === undefined) this.#note(rules, `memory is ${way} at ${hex(address)}, which the policy does not grant`);
    else if (grant.pa + address - grant.va !== physical)
      this.#note(rules, `${hex(address)} leads to another place than the policy says`);
  }

  /** What its own page tables lead a subject to, by read, write or fetch; writes are watched by what they change, too. */
  #checkFrame(rules: Rules, frame: number): void {
    const physical = frame * PAGE_SIZE_BYTES;
    // At an exit the processor itself stores MSRs, where the VMCS says.
    if (frame === this.#msrStoreFrame(rules)) return;
    if (!rules.grants.some(({ pa, sizeBytes }) => physical >= pa && physical < pa + sizeBytes))
      this.#note(rules, `memory at hpa ${hex(physical)} is used, which the policy does not grant`);
  }

  #msrStoreFrame({ subject }: Rules): number {
    const slot = this.#system?.kernel.at.msrStoreSlots[subject.globalId] ?? -1;
    return slot < 0 ? -1 : this.#system!.memory.frameOfSlot(slot);
  }

  #checkRefused(rules: Rules, address: number, isWrite: boolean, isFetch: boolean): void {
    if (this.#grantAt(rules, address, isWrite, isFetch) !== undefined)
      this.#note(rules, `memory at ${hex(address)} is refused, which the policy grants`);
  }

  /** An access of hosted software, while the subject runs on its own tables. */
  #checkHosted(memory: PhysicalMemory, cpu: Cpu, address: number, isWrite: boolean, physical: number): void {
    const subject = this.#subjectOfSlot.get(cpu.vmcsSlot) ?? -1;
    const rules = this.#bySubject[subject];
    const spec = this.#system?.kernel.tables.subjects[subject];
    if (rules === undefined || spec === undefined || memory !== this.#system?.memory) return;
    if (!spec.ept && joinWords(cpu.vmread(Vmcs.cr3), cpu.vmread(Vmcs.cr3 + 1)) !== spec.rootTable) return;
    if (physical >= 0) this.#checkPlace(rules, address, isWrite, false, physical);
    else this.#checkRefused(rules, address, isWrite, false);
  }
}

const hex = (value: number): string => `0x${value.toString(16)}`;

/** Exit qualification by the manual, for kinds where it follows from the instruction alone. */
function qualificationOf(what: Intercept): number | undefined {
  switch (what.kind) {
    case 'io': {
      const bits = [what.isIn, what.isString, what.isRep, what.isImmediate];
      const flags = bits.reduce((sum, bit, index) => sum | (bit ? 8 << index : 0), 0);
      return ((what.sizeBytes - 1) | flags | (what.port << 16)) >>> 0;
    }
    case 'readCr':
    case 'writeCr':
      return what.cr | (what.kind === 'readCr' ? 0x10 : 0) | (what.gpr << 8);
    case 'readDr':
    case 'writeDr':
      return what.dr | (what.kind === 'readDr' ? 0x10 : 0) | (what.gpr << 8);
    default:
      return undefined;
  }
}
