import {
  addEvent,
  addRegion,
  alphaDevices,
  alphaMemory,
  alphaVmcalls,
  bit,
  both,
  drop,
  type Edit,
  hardware,
  map,
  mapping,
  oneBarrier,
  oneGroup,
  replace,
  replaceAll,
  twoCpus,
} from './policy-editing.ts';

/** MSR range of subject alpha. */
const msr = (start: string, end: string, mode = 'r'): Edit =>
  replace('<msrs/>', `<msrs><msr start="${start}" end="${end}" mode="${mode}"/></msrs>`);
/** Register bit of subject alpha. */
const register = (name: string, value: 0 | 1): Edit =>
  replace(new RegExp(`(<registers>[\\s\\S]*?<${name}>)[01]`), `$1${value}`);

/** Minimal bad policies for the rules about subjects, their CPU state and the scheduling plan, by code. */
export const SUBJECTS_EDITS: Readonly<Record<string, Edit>> = {
  'SUBJ-NAME-UNIQUE': text => {
    const start = text.indexOf('  <subject cpu="0" globalId="0"');
    const end = text.indexOf('</subject>', start) + '</subject>'.length;
    const twin = text.slice(start, end).replace('localId="0"', 'localId="2"').replace('globalId="0"', 'globalId="2"');
    return text.slice(0, end) + twin + text.slice(end);
  },
  'SUBJ-GLOBAL-ID-UNIQUE': replace('globalId="1"', 'globalId="0"'),
  'SUBJ-LOCAL-ID-UNIQUE': replace('localId="1"', 'localId="0"'),
  'SUBJ-MEMORY-NAME-UNIQUE': replace('logical="data" physical="data"', 'logical="text" physical="data"'),
  'SUBJ-DEVICE-NAME-UNIQUE': both(
    hardware('<device name="com_2"/>'),
    alphaDevices('<device logical="x" physical="com_1"/><device logical="x" physical="com_2"/>'),
  ),
  'SUBJ-SIBLING': replace('</events>\n  </subject>', '</events><sibling ref="ghost"/>\n  </subject>'),
  'SUBJ-VIRTUAL-OVERLAP': alphaMemory(map('data', '16#0020_1000#')),
  'SUBJ-CPU': both(replaceAll('cpu="0"', 'cpu="1"'), replaceAll('<cpu id="0">', '<cpu id="1">')),
  'SUBJ-RUNNABLE': both(oneGroup, replace('<subject name="alpha"/><subject name="beta"/>', '<subject name="alpha"/>')),
  'SUBJ-GROUP-ID': replace('schedGroupId="2"', 'schedGroupId="1"'),
  'SUBJ-INITRAMFS': both(
    addRegion('disk1', 'subject_initrd'),
    addRegion('disk2', 'subject_initrd', 1),
    alphaMemory(map('disk1', '16#7000_0000#', 'disk1') + map('disk2', '16#7000_2000#', 'disk2')),
  ),
  'SUBJ-INFO': addRegion('alpha|sinfo', 'subject_info'),
  'VCPU-ENTRY-CHECKS': bit('proc2', 'UnrestrictedGuest', 1),
  'VCPU-PIN': bit('pin', 'ExternalInterruptExiting', 0),
  'VCPU-PROC': bit('proc', 'UseMSRBitmaps', 0),
  'VCPU-PROC2': bit('proc2', 'EnableVPID', 1),
  'VCPU-EXIT': bit('exit', 'AckInterruptOnExit', 0),
  'VCPU-ENTRY': bit('entry', 'IA32eModeGuest', 0),
  'VCPU-CR0-MASK': bit('cr0', 'CacheDisable', 0),
  'VCPU-CR4-MASK': bit('cr4', 'MachineCheckEnable', 0),
  'VCPU-EXCEPTIONS': bit('exception', 'MachineCheck', 0),
  'MEM-WRITE-EXECUTE': mapping('alpha|text', 'writable', 'true'),
  'VCPU-VMXE': register('VMXEnable', 0),
  'VCPU-ENTRY-POINT': replace('<rip>16#0020_0000#', '<rip>16#0030_0000#'),
  'VCPU-EFER': bit('entry', 'LoadIA32EFER', 1),
  'VCPU-CR0-OWNED': bit('cr0', 'WriteProtect', 0),
  'VCPU-NATIVE': register('Paging', 0),
  'VCPU-PAGING': both(bit('proc2', 'EnableEPT', 1), register('Paging', 0)),
  'MSR-ORDER': msr('16#0176#', '16#0174#'),
  'MSR-ALLOWED': msr('16#0174#', '16#0177#'),
};

/** Minimal bad policies for the rules about subjects, their CPU state and the scheduling plan, by code. */
export const SCHEDULING_EDITS: Readonly<Record<string, Edit>> = {
  'SCHED-REFERENCE': replace('<subject name="beta"/>', '<subject name="beta"/><subject name="ghost"/>'),
  'SCHED-PARTITION-REFERENCE': replace('<minorFrame ', '<minorFrame barrier="none" partition="ghost" ticks="5"/>$&'),
  'SCHED-PARTITION-ID': both(
    replace('<partition cpu="0" id="2"', '<partition cpu="0" id="1"'),
    mapping('scheduling_info_2', 'physical', 'scheduling_info_1'),
    mapping('scheduling_info_2', 'physical', 'scheduling_info_1'),
    drop('scheduling_info_2'),
  ),
  'SCHED-GROUP-ID': both(replace('<group id="2">', '<group id="1">'), replace('schedGroupId="2"', 'schedGroupId="1"')),
  'SCHED-NAME-UNIQUE': both(
    replace('<partition cpu="0" id="2" name="beta">', '<partition cpu="0" id="2" name="alpha">'),
    replace('partition="beta"', 'partition="alpha"'),
  ),
  'SCHED-CPUS': both(
    twoCpus,
    replace(
      '</majorFrame>',
      '</majorFrame><majorFrame><cpu id="0"><minorFrame barrier="none" partition="alpha" ticks="1"/></cpu><barriers/></majorFrame>',
    ),
  ),
  'SCHED-TICKS': both(twoCpus, replace('partition="beta" ticks="10"', 'partition="beta" ticks="9"')),
  'SCHED-AFFINITY': replace(/ *<minorFrame [^>]*partition="beta"[^>]*>\n/, ''),
  'SCHED-SUBJECT-CPU': both(
    twoCpus,
    replace('<group id="1"><subject name="alpha"/>', '<group id="1"><subject name="beta"/>'),
    replace('<group id="2"><subject name="beta"/>', '<group id="2"><subject name="alpha"/>'),
    replace('name="alpha" schedGroupId="1"', 'name="alpha" schedGroupId="2"'),
    replace('name="beta" schedGroupId="2"', 'name="beta" schedGroupId="1"'),
    replace(
      'logical="scheduling_info" physical="scheduling_info_1"',
      'logical="scheduling_info" physical="scheduling_info_x"',
    ),
    replace(
      'logical="scheduling_info" physical="scheduling_info_2"',
      'logical="scheduling_info" physical="scheduling_info_1"',
    ),
    replace('physical="scheduling_info_x"', 'physical="scheduling_info_2"'),
  ),
  'SCHED-ASSIGNMENT': replace(
    '<group id="1"><subject name="alpha"/></group>',
    '$&<group id="3"><subject name="alpha"/></group>',
  ),
  'SCHED-RUNNABLE': oneGroup,
  'SCHED-SLEEPER': both(
    addEvent('sleep', 'kernel'),
    alphaVmcalls('<event id="9" logical="sleep" physical="sleep"><subject_sleep/></event>'),
    text => text.replace(/ *<memory [^>]*logical="timed_event" physical="alpha[^>]*>\n/, ''),
  ),
  'SCHED-HANDOVER': both(oneGroup, replace('mode="async"', 'mode="switch"')),
  'SCHED-TIME': both(replace('speed="2000000"', 'speed="1"'), replace('tickRate="1000"', 'tickRate="2000"')),
  'SCHED-TIMER': replace('ticks="20"', 'ticks="100000"'),
  'SCHED-BARRIER-ID': both(
    oneBarrier,
    replace('<barrier id="1"', '<barrier id="2"'),
    replaceAll('barrier="1"', 'barrier="2"'),
  ),
  'SCHED-BARRIER-SIZE': both(oneBarrier, replace('size="2"/></barriers>', 'size="3"/></barriers>')),
  'SCHED-SYNC-POINTS': both(
    oneBarrier,
    replaceAll('barrier="1"', 'barrier="none"'),
    replace('<barriers><barrier id="1" size="2"/></barriers>', '<barriers/>'),
  ),
  'SCHED-BARRIER-REFERENCE': both(oneBarrier, replace('barrier="1"', 'barrier="none"')),
  'SCHED-BARRIER-PLACE': both(
    oneBarrier,
    replace(
      '<minorFrame barrier="1" partition="alpha" ticks="4"/><minorFrame barrier="none"',
      '<minorFrame barrier="none" partition="alpha" ticks="4"/><minorFrame barrier="1"',
    ),
  ),
};
