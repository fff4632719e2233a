import { type ComponentEntry, hasFile, present } from './component.ts';
import {
  address,
  LOG_PARAMETERS,
  logOf,
  optionalEvent,
  requiredEvent,
  SCHEDULE,
  sinkOf,
  some,
  table,
} from './entry-parts.ts';
import { INIT_PARAMETERS, initParameters, readInit } from './init-parameters.ts';
import { type CpuidTable, cpuidKey } from './monitor-cpuid.ts';
import { type Column, readRows, writeRows } from './parameter-rows.ts';
import { subjectMonitor } from './subject-monitor.ts';

const CPUID: readonly Column[] = ['number', 'number', 'number', 'number', 'number', 'number'];

function cpuidTable(text: string): CpuidTable {
  return new Map(
    readRows(text, CPUID).map(([leaf, subleaf, eax, ebx, ecx, edx]) => [
      cpuidKey(Number(leaf), Number(subleaf)),
      [Number(eax), Number(ebx), Number(ecx), Number(edx)],
    ]),
  );
}

export const sm: ComponentEntry = {
  title: 'Subject monitor: emulates what a Linux subject may not do itself, and resumes it',
  limits: 'it prints less to its debug log, and does not dump the state of a subject that it gives up',
  parameters: {
    stateAddress: address("the subject's state page"),
    resumeEvent: requiredEvent('vmcall event that hands the CPU to the subject'),
    resetEvent: optionalEvent('vmcall event that resets the subject before its first entry'),
    loadEvent: optionalEvent('vmcall event that hands over to its loader'),
    serialEvent: optionalEvent('vmcall event that interrupts the subject for its serial line'),
    deviceEvent: optionalEvent('vmcall event that hands over to the device manager'),
    loaderStatusAddress: address("the loader's status page", 0),
    requestAddress: address('requests to the device manager', 0),
    responseAddress: address('its responses', 0),
    timeInfoAddress: address('the time-info page', 0),
    cpuid: table("the processor's CPUID values: leaf, subleaf, EAX, EBX, ECX, EDX", CPUID),
    miscEnable: { kind: 'number', meaning: 'IA32_MISC_ENABLE of the processor, low half', fallback: 0 },
    ...LOG_PARAMETERS,
    ...SCHEDULE,
    ...INIT_PARAMETERS,
  },
  recognises: facts =>
    hasFile(facts, 'sm') && facts.address('monitor_state') !== undefined && facts.event('resume_subject') !== undefined,
  parametersOf: (facts, given) => {
    const { processor } = facts.document.hardware;
    const isControlled = facts.mapping('muinit') !== undefined;
    return present({
      stateAddress: facts.address('monitor_state'),
      resumeEvent: facts.event('resume_subject'),
      resetEvent: facts.event('reset_linux'),
      loadEvent: facts.event('load_linux'),
      serialEvent: facts.event('serial_irq4'),
      deviceEvent: facts.event('dm_pciconf_req'),
      loaderStatusAddress: facts.address('status_linux'),
      requestAddress: facts.address('dm_pciconf_req'),
      responseAddress: facts.address('dm_pciconf_res'),
      timeInfoAddress: facts.address('time_info'),
      cpuid: writeRows(processor.cpuid.map(row => [row.leaf, row.subleaf, row.eax, row.ebx, row.ecx, row.edx])),
      miscEnable: Number((processor.msrs.find(row => row.address === 0x1a0)?.value ?? 0n) & 0xffff_ffffn),
      ...logOf(facts),
      ...(isControlled ? initParameters(facts, given) : {}),
    });
  },
  create: (given, ops) => {
    const request = some(given.number('requestAddress'));
    const event = given.event('deviceEvent');
    return subjectMonitor(
      {
        stateAddress: given.number('stateAddress'),
        resumeEvent: given.number('resumeEvent'),
        resetEvent: given.event('resetEvent'),
        loadEvent: given.event('loadEvent'),
        serialEvent: given.event('serialEvent'),
        loaderStatusAddress: some(given.number('loaderStatusAddress')),
        timeInfoAddress: some(given.number('timeInfoAddress')),
        devices:
          request === undefined || event === undefined
            ? undefined
            : { requestAddress: request, responseAddress: given.number('responseAddress'), event },
        init: readInit(given),
        cpuid: cpuidTable(given.text('cpuid')),
        miscEnable: given.number('miscEnable'),
        log: sinkOf(given, ops),
        schedulingInfo: given.number('schedulingInfo'),
      },
      ops.component.monitor,
      ops.component.loader,
    );
  },
};
