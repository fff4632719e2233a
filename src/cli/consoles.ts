import type { ScenarioSoftware } from '../engine/property.ts';
import { type LogMemory, readLog } from '../impl/genode/log-memory.ts';
import type { PhysicalMemory } from '../impl/memory.ts';
import { softwareLog } from '../impl/software.ts';
import type { PolicyDocument } from '../policy/document.ts';

/** Somewhere that a subject writes text to. */
export interface Console {
  readonly subject: string;
  readonly kind: 'log';
  /** Text since the last call. */
  read(memory: PhysicalMemory): readonly string[];
}

/** Physical place of a subject's virtual address, undefined if its policy maps nothing there. */
function physicalAddress(document: PolicyDocument, subjectName: string, address: number): number | undefined {
  const subject = document.subjects.find(({ name }) => name === subjectName);
  for (const { physical, virtualAddress } of subject?.memory ?? []) {
    const region = document.memory.find(({ name }) => name === physical);
    if (region === undefined || address < virtualAddress || address >= virtualAddress + region.sizeBytes) continue;
    return region.physicalAddress + address - virtualAddress;
  }
  return undefined;
}

function logConsole(subject: string, log: LogMemory): Console {
  let cursor = 0;
  return {
    subject,
    kind: 'log',
    read(memory) {
      const reading = readLog(memory, log, cursor);
      cursor = reading.cursor;
      const lost = reading.lostBytes === 0 ? [] : [`(${reading.lostBytes} bytes of older lines were overwritten)`];
      return [...lost, ...reading.lines];
    },
  };
}

/** Physical place of a memory region by its logical name in a subject. */
function regionPlace(document: PolicyDocument, subjectName: string, logical: string): LogMemory | undefined {
  const subject = document.subjects.find(({ name }) => name === subjectName);
  const mapping = subject?.memory.find(row => row.logical === logical);
  const region = document.memory.find(({ name }) => name === mapping?.physical);
  return region === undefined ? undefined : { physicalAddress: region.physicalAddress, sizeBytes: region.sizeBytes };
}

/** Consoles of a scenario: the log memory of each LOG service. */
export function consolesOf(document: PolicyDocument, software: readonly ScenarioSoftware[]): readonly Console[] {
  return software.flatMap(({ subject, software: name, parameters }) => {
    const log = softwareLog(name, parameters);
    if (log === undefined) return [];
    if ('region' in log) {
      const place = regionPlace(document, subject, log.region);
      return place === undefined ? [] : [logConsole(subject, place)];
    }
    const place = physicalAddress(document, subject, log.address);
    return place === undefined ? [] : [logConsole(subject, { physicalAddress: place, sizeBytes: log.sizeBytes })];
  });
}
