import type { PhysicalMemory } from '../../impl/memory.ts';
import { openPorts } from '../../impl/vmx/io-bitmap-walk.ts';
import { hardwarePorts, portGrants } from '../../model/port-grants.ts';
import type { PolicyDocument, Subject } from '../../policy/document.ts';
import { hpa, PAGE_SIZE_BYTES } from '../../units/address.ts';
import { hexRange, regionAddress, type StructureReport, stretches, structureReport } from './report.ts';

const PORTS = 0x1_0000;

/** Compares the I/O bitmaps of a subject with the ports of its devices, port by port. */
export function checkPorts(memory: PhysicalMemory, document: PolicyDocument, subject: Subject): StructureReport {
  const base = regionAddress(document, `${subject.name}|iobm`) ?? hpa(0);
  const granted = portGrants(document, subject);
  const isOpen = new Uint8Array(PORTS);
  const isGranted = new Uint8Array(PORTS);
  for (const { first, last } of openPorts(memory, base, hpa(base + PAGE_SIZE_BYTES))) isOpen.fill(1, first, last + 1);
  for (const { first, last } of granted) isGranted.fill(1, first, last + 1);
  const wrong = stretches(PORTS, port => {
    if (isOpen[port] === isGranted[port]) return '';
    return isOpen[port] === 1 ? 'open' : 'closed';
  });
  const differences = wrong.map(({ first, last, what }) => {
    const among = what === 'open' ? hardwarePorts(document) : granted;
    const owners = among.filter(port => port.first <= last && first <= port.last);
    const whose = owners.map(owner => `'${owner.name}' (policy line ${owner.line})`).join(', ');
    const ports = `subject '${subject.name}': I/O ports ${hexRange(first, last)}`;
    return {
      kind: what === 'open' ? 'not-granted' : 'not-open',
      message:
        what === 'open'
          ? `${ports} do not exit, although the policy grants it no such port${whose === '' ? '' : `; they belong to ${whose}`}`
          : `${ports} exit, although the policy grants ${whose}`,
      policyLines: owners.map(owner => owner.line),
      entry: hpa(base + (first >>> 3)),
    };
  });
  differences.sort((a, b) => Number(a.kind === 'not-open') - Number(b.kind === 'not-open'));
  const open = isOpen.reduce((sum, bit) => sum + bit, 0);
  return structureReport(differences, {
    entries: PORTS,
    tables: 2,
    seen: { 'open-port': open, 'closed-port': PORTS - open },
  });
}
