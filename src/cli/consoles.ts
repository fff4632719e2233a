import type { ScenarioSoftware } from '../engine/property.ts';
import { DEBUG_LOG_PROTOCOL, logLayout } from '../impl/components/debug-log.ts';
import { messageOf } from '../impl/components/debug-server.ts';
import { type LogMemory, readLog } from '../impl/genode/log-memory.ts';
import type { PhysicalMemory } from '../impl/memory.ts';
import { HEADER, HEADER_BYTES, isEqual64, isZero64, type Word64 } from '../impl/native/muchannel.ts';
import { softwareLog } from '../impl/software.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { hpa } from '../units/address.ts';

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

/** Lines that a subject writes to its debug-log channel, as its server would print them. */
function debugLogConsole(subject: string, { physicalAddress, sizeBytes }: LogMemory): Console {
  const { elements, elementBytes } = logLayout(0, sizeBytes);
  let epoch = '';
  let readCount = 0;
  let line = '';
  const wordsAt = (memory: PhysicalMemory, offset: number): Word64 => ({
    low: memory.readWordAt(hpa(physicalAddress + offset)),
    high: memory.readWordAt(hpa(physicalAddress + offset + 4)),
  });
  return {
    subject,
    kind: 'log',
    read(memory) {
      const seen = wordsAt(memory, HEADER.epoch);
      const writeCount = wordsAt(memory, HEADER.writeCount).low;
      if (isZero64(seen) || !isEqual64(wordsAt(memory, HEADER.protocol), DEBUG_LOG_PROTOCOL)) return [];
      if (epoch !== `${seen.high}.${seen.low}`) readCount = 0;
      epoch = `${seen.high}.${seen.low}`;
      const lines: string[] = [];
      if (writeCount - readCount > elements) {
        lines.push(`(${writeCount - readCount - elements} older entries were overwritten)`);
        readCount = writeCount - elements;
      }
      for (; readCount < writeCount; readCount++) {
        const at = HEADER_BYTES + (readCount % elements) * elementBytes;
        line += messageOf(Array.from({ length: elementBytes / 8 }, (_, word) => wordsAt(memory, at + 8 * word)));
        const parts = line.split('\n');
        line = parts.pop() ?? '';
        lines.push(...parts);
      }
      return lines;
    },
  };
}

/** Consoles of subjects that have a debug-log channel to write to. */
const debugLogs = (document: PolicyDocument): readonly Console[] =>
  document.subjects.flatMap(({ name, memory }) => {
    const mapping = memory.find(({ logical, writable }) => logical === 'debuglog' && writable);
    const region = document.memory.find(row => row.name === mapping?.physical && row.type === 'subject_channel');
    return region === undefined ? [] : [debugLogConsole(name, region)];
  });

/** Physical place of a memory region by its logical name in a subject. */
function regionPlace(document: PolicyDocument, subjectName: string, logical: string): LogMemory | undefined {
  const subject = document.subjects.find(({ name }) => name === subjectName);
  const mapping = subject?.memory.find(row => row.logical === logical);
  const region = document.memory.find(({ name }) => name === mapping?.physical);
  return region === undefined ? undefined : { physicalAddress: region.physicalAddress, sizeBytes: region.sizeBytes };
}

/** Consoles of a system: the log memory of each LOG service, and the debug-log channels. */
export function consolesOf(document: PolicyDocument, software: readonly ScenarioSoftware[]): readonly Console[] {
  const services = software.flatMap(({ subject, software: name, parameters }) => {
    const log = softwareLog(name, parameters);
    if (log === undefined) return [];
    if ('region' in log) {
      const place = regionPlace(document, subject, log.region);
      return place === undefined ? [] : [logConsole(subject, place)];
    }
    const place = physicalAddress(document, subject, log.address);
    return place === undefined ? [] : [logConsole(subject, { physicalAddress: place, sizeBytes: log.sizeBytes })];
  });
  return [...services, ...debugLogs(document)];
}
