import { DEVICE_WITNESSES, runDeviceScript } from '../../src/refinement/services/device-script.ts';
import { scriptProperty } from './script-property.ts';

const DESCRIPTIONS: Readonly<Record<(typeof DEVICE_WITNESSES)[number], string>> = {
  accessed: 'a driver accesses its ports',
  outside: 'a driver names a port that is not, or not all, its own',
  told: 'a driver is told of an interrupt',
  coalesced: 'several interrupts come before a driver acknowledges',
  mapped: 'a driver gets the memory of its device',
  taken: 'a driver asks for what another has',
  denied: 'a driver asks for what the subject has not',
};

/** Interrupts, memory and ports of devices, for the drivers of one instance. */
export const devices = scriptProperty({
  id: 'sessions/devices',
  claim:
    'A driver reaches exactly the ports and pages of its sessions, which no other driver has at the time, and is told of each interrupt of its device once until it acknowledges; what the subject has not is denied.',
  method: 'comparison with sets of ports and pages, hostile arguments',
  premise: 'Let three drivers ask core for devices and use them:',
  operations: { ports: 4, access: 6, memory: 4, irq: 4, raise: 6, acknowledge: 5 },
  run: (context, steps) => runDeviceScript(context.seams.genode.service, steps),
  witnesses: DEVICE_WITNESSES.map(id => ({ id, description: DESCRIPTIONS[id] })),
  killedBy: ['io-port-width-ignored', 'irq-told-before-acknowledged', 'device-range-shared'],
});
