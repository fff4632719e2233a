import type { MachineOps } from '../impl/machine-ops.ts';
import { vmcsWord } from '../impl/vmx/vmcs.ts';
import type { VmxHooks } from '../impl/vmx/vmx-hooks.ts';
import type { Intercept, PhysicalAccess } from '../impl/x86/hooks.ts';
import type { Processor } from '../impl/x86/processor.ts';
import type { Fault } from './fault.ts';
import { type SeamFault, seamFaults } from './fault-parts.ts';

const EXIT_LENGTH = vmcsWord('EXIT_INSTRUCTION_LENGTH');
const EXIT_QUALIFICATION = vmcsWord('EXIT_QUALIFICATION');

/** Changes what VMX does for the machine code of subjects. */
const withHooks =
  (change: (hooks: VmxHooks) => void) =>
  (ops: MachineOps): Partial<MachineOps> => ({
    createGuestHooks(memory, platform, msrs) {
      const hooks = ops.createGuestHooks(memory, platform, msrs);
      change(hooks);
      return hooks;
    },
  });

/** Decides about intercepts anew; `usual` is what VMX does. */
type Decide = (usual: (what: Intercept) => boolean, what: Intercept, hooks: VmxHooks) => boolean;

const intercepting = (decide: Decide): SeamFault<'machine'>['replace'] =>
  withHooks(hooks => {
    const usual = hooks.intercept.bind(hooks);
    hooks.intercept = (cpu: Processor, what: Intercept) => decide(changed => usual(cpu, changed), what, hooks);
  });

/** Instructions that an oversight lets through. */
const missing = (isMissed: (what: Intercept) => boolean): SeamFault<'machine'>['replace'] =>
  intercepting((usual, what) => !isMissed(what) && usual(what));

const translating = (change: (access: PhysicalAccess) => PhysicalAccess): SeamFault<'machine'>['replace'] =>
  withHooks(hooks => {
    const usual = hooks.translate.bind(hooks);
    hooks.translate = (cpu, address, access) => usual(cpu, address, change(access));
  });

const asRead = (access: PhysicalAccess): PhysicalAccess => ({ ...access, kind: 'read' });

const PAGE_BYTES = 0x1000;

/** Guest-physical translations that are remembered by address and kind of access alone, until the machine is reset. */
function rememberByAddress(hooks: VmxHooks): void {
  const known = new Map<string, number>();
  const usual = hooks.translate.bind(hooks);
  const reset = hooks.unit.reset.bind(hooks.unit);
  hooks.unit.reset = () => {
    known.clear();
    reset();
  };
  hooks.translate = (cpu, address, access) => {
    const offset = address % PAGE_BYTES;
    const found = usual(cpu, address, access);
    const tag = `${address - offset} ${access.kind}`;
    const frame = known.get(tag) ?? found.address - offset;
    known.set(tag, frame);
    return { ...found, address: frame + offset };
  };
}

/** Defects of VMX non-root operation: intercepts, bitmaps, EPT, exit information. */
export const GUEST_FAULTS: readonly Fault[] = seamFaults('machine', [
  {
    id: 'guest-translations-shared',
    title: 'translations of a virtual machine outlive its exit, and the next one at the same addresses uses them',
    precedent:
      'Muen 1ff3f29af: VPIDs so that translations need no flush at entries; XSA-286 and CVE-2019-19332: stale TLB entries',
    killedBy: ['isolation/machine-code'],
    scenario: 'linux-vm',
    replace: withHooks(rememberByAddress),
  },
  {
    id: 'guest-io-bitmap-width',
    title: 'only the first port of a wider access is looked up in the I/O bitmap',
    precedent: 'CVE-2020-2732 (KVM): I/O bitmaps of a nested guest were not consulted for every port',
    killedBy: ['vmx/every-intercept'],
    replace: intercepting((usual, what) => usual(what.kind === 'io' ? { ...what, sizeBytes: 1 } : what)),
  },
  {
    id: 'guest-io-bitmap-b',
    title: 'ports from 0x8000 on are never trapped: bitmap B is forgotten',
    precedent: 'CVE-2020-2732 (KVM): an intercept of nested guests was incomplete',
    killedBy: ['vmx/every-intercept'],
    replace: missing(what => what.kind === 'io' && what.port >= 0x8000),
  },
  {
    id: 'guest-msr-bitmap-range',
    title: 'MSRs of the x2APIC range pass without a look at the bitmap',
    precedent: 'XSA-108 (CVE-2014-7188): the x2APIC MSR range was wider than what was checked',
    killedBy: ['vmx/every-intercept'],
    replace: missing(what => (what.kind === 'rdmsr' || what.kind === 'wrmsr') && what.index >>> 8 === 8),
  },
  {
    id: 'guest-msr-write-as-read',
    title: 'writes of MSRs are decided by the bitmap for reads',
    precedent: 'CVE-2014-3610 (KVM): WRMSR of a guest was passed on unchecked',
    killedBy: ['vmx/every-intercept'],
    scenario: 'device-domains',
    replace: intercepting((usual, what) => usual(what.kind === 'wrmsr' ? { ...what, kind: 'rdmsr' } : what)),
  },
  {
    id: 'guest-cr3-load-unchecked',
    title: 'a native subject loads CR3 without an exit',
    precedent: 'XSA-286: a guest switches to page tables that nobody validated',
    killedBy: ['vmx/every-intercept'],
    replace: missing(what => what.kind === 'writeCr' && what.cr === 3),
  },
  {
    id: 'guest-cr-mask-ignored',
    title: 'writes of CR0 and CR4 do not exit for the bits that the kernel owns',
    precedent: 'Muen 3e21acf59: CR0 and CR4 shadows were initialised without the policy value',
    killedBy: ['vmx/every-intercept'],
    replace: missing(what => what.kind === 'writeCr' && what.cr !== 3 && what.cr !== 8),
  },
  {
    id: 'guest-dr-unchecked',
    title: 'debug registers are reached without an exit',
    precedent: 'CVE-2009-3722 (KVM): debug-register accesses were not checked',
    killedBy: ['vmx/every-intercept'],
    replace: missing(what => what.kind === 'readDr' || what.kind === 'writeDr'),
  },
  {
    id: 'guest-rdtsc-unchecked',
    title: 'a subject reads the time-stamp counter although RDTSC exiting is set',
    precedent: 'CVE-2020-2732 (KVM): an instruction intercept of a nested guest was missing',
    killedBy: ['vmx/every-intercept'],
    replace: missing(what => what.kind === 'rdtsc'),
  },
  {
    id: 'guest-wbinvd-unchecked',
    title: 'WBINVD does not exit',
    precedent: 'Muen 983fbf5e2: WBINVD decides what devices see of tables',
    killedBy: ['vmx/every-intercept'],
    replace: missing(what => what.kind === 'wbinvd'),
  },
  {
    id: 'guest-page-fault-unchecked',
    title: 'page faults go to the guest although the exception bitmap names them',
    precedent: 'CVE-2015-5307: exceptions of a guest that were delivered instead of intercepted',
    killedBy: ['vmx/every-intercept'],
    replace: withHooks(hooks => {
      const usual = hooks.interceptEvent.bind(hooks);
      hooks.interceptEvent = (cpu, event) => event.vector !== 14 && usual(cpu, event);
    }),
  },
  {
    id: 'guest-ept-write-as-read',
    title: 'EPT checks a write like a read: read-only memory of a VM can be written',
    precedent: 'XSA-148 (CVE-2015-7835): a missing check made mappings writable',
    killedBy: ['vmx/every-intercept'],
    scenario: 'machine-code',
    replace: translating(access => (access.kind === 'write' ? asRead(access) : access)),
  },
  {
    id: 'guest-ept-execute-ignored',
    title: 'EPT checks a fetch like a read: memory that is not executable can be executed',
    precedent: 'XSA-182: a fast path skipped the check of permissions',
    killedBy: ['vmx/every-intercept'],
    scenario: 'machine-code',
    replace: translating(access => (access.kind === 'fetch' ? asRead(access) : access)),
  },
  {
    id: 'guest-length-short',
    title: 'the instruction length of an exit is one byte short',
    precedent: 'Muen cc8e59a94: RIP was advanced by the wrong amount',
    killedBy: ['vmx/every-intercept'],
    replace: intercepting((usual, what, hooks) => {
      const hasExited = usual(what);
      if (hasExited) hooks.unit.write32(EXIT_LENGTH, hooks.unit.low(EXIT_LENGTH) - 1);
      return hasExited;
    }),
  },
  {
    id: 'guest-io-direction-lost',
    title: 'the exit qualification of a port access calls every access an output',
    precedent: 'CVE-2010-0419 (KVM): the emulator acted on the wrong operand of an instruction',
    killedBy: ['vmx/every-intercept'],
    replace: intercepting((usual, what, hooks) => {
      const hasExited = usual(what);
      if (hasExited && what.kind === 'io')
        hooks.unit.write32(EXIT_QUALIFICATION, hooks.unit.low(EXIT_QUALIFICATION) & ~8);
      return hasExited;
    }),
  },
]);
