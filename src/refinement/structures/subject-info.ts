import type { PhysicalMemory } from '../../impl/memory.ts';
import { number64, type ReadResource, readSubjectInfo } from '../../impl/native/subject-info-reader.ts';
import {
  deviceFacts,
  deviceMemoryFacts,
  type KnownResource,
  memoryFacts,
  subjectKnowledge,
} from '../../model/subject-knowledge.ts';
import type { PolicyDocument, Subject } from '../../policy/document.ts';
import { hpa } from '../../units/address.ts';
import { regionAddress, type StructureDifference, type StructureReport, structureReport } from './report.ts';

/** "muinfo", version 3. */
const MAGIC = { low: 0x6e69_756d, high: 0x0300_6f66 };

const KINDS: readonly (KnownResource['kind'] | undefined)[] = [
  undefined,
  'memory',
  'event',
  'vector',
  'device',
  'device_memory',
];
/** Words of memory kinds by number (muen.md 5.7). */
const MEMORY_WORDS: readonly string[] = [
  'subject',
  'info',
  'binary',
  'zeropage',
  'initrd',
  'channel',
  'state',
  'timed_event',
  'interrupts',
  'scheduling_info',
  'bios',
  'rsdp',
  'xsdt',
  'fadt',
  'dsdt',
  'device',
  'solo5_boot_info',
  'crash_audit',
  'kernel_interface',
];
const NO_PATTERN = 256;

/** Rights of a flags byte; bits that the format does not have are shown. */
const access = (flags: number): string =>
  `${(flags & 1) !== 0 ? 'w' : '-'}${(flags & 2) !== 0 ? 'x' : '-'}${flags > 3 ? ` (flags ${flags})` : ''}`;

const hexOf = (bytes: Uint8Array): string => [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join('');

/** Bytes of a union that its kind does not use; empty text if they are zero. */
function unused(bytes: Uint8Array, from: number, to = bytes.length): string {
  return bytes.subarray(from, to).some(byte => byte !== 0) ? ', and bytes that the format does not use' : '';
}

function contentOf(bytes: Uint8Array): string {
  const pattern = bytes[3]! + bytes[4]! * 256;
  const kind = bytes[1]!;
  const word = ['empty', `fill ${pattern}`, 'file'][kind] ?? `content ${kind}`;
  return kind !== 1 && pattern !== NO_PATTERN ? `${word} (pattern ${pattern})` : word;
}

/** What a resource says, in the words of the model. */
function factsOf({ kind, bytes }: ReadResource): { readonly facts: string; readonly hash?: string } {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  switch (KINDS[kind]) {
    case 'memory': {
      const word = MEMORY_WORDS[bytes[0]!] ?? `memory kind ${bytes[0]}`;
      const facts = memoryFacts(word, contentOf(bytes), access(bytes[2]!), number64(bytes, 8), number64(bytes, 16));
      return { facts: `${facts}${unused(bytes, 5, 8)}`, hash: hexOf(bytes.subarray(24, 56)) };
    }
    case 'event':
    case 'vector':
      return { facts: `number ${bytes[0]}${unused(bytes, 1)}` };
    case 'device': {
      const flags = bytes[6]!;
      const facts = deviceFacts(
        view.getUint16(0, true),
        view.getUint16(2, true),
        bytes[4]!,
        bytes[5]!,
        (flags & 1) !== 0,
      );
      return { facts: `${facts}${flags > 1 ? ` (flags ${flags})` : ''}${unused(bytes, 7)}` };
    }
    case 'device_memory': {
      const facts = deviceMemoryFacts(access(bytes[0]!), number64(bytes, 8), number64(bytes, 16));
      return { facts: `${facts}${unused(bytes, 1, 8)}${unused(bytes, 24)}` };
    }
    default:
      return { facts: `kind ${kind}` };
  }
}

/** Compares the subject information of a subject with what the policy gives it, resource by resource. */
export function checkSubjectInfo(memory: PhysicalMemory, document: PolicyDocument, subject: Subject): StructureReport {
  const page = regionAddress(document, `${subject.name}|sinfo`) ?? hpa(0);
  const info = readSubjectInfo(memory, page);
  const known = subjectKnowledge(document, subject);
  const who = `subject information of '${subject.name}'`;
  const differences: StructureDifference[] = [];
  const add = (kind: string, message: string, lines: readonly number[], offset = 0): void => {
    differences.push({ kind, message: `${who}: ${message}`, policyLines: lines, entry: hpa(page + offset) });
  };
  let unstated = 0;
  info.resources.forEach((resource, index) => {
    const expected = known[index];
    const offset = resource.entryAddress - page;
    const kind = KINDS[resource.kind];
    const { facts, hash } = factsOf(resource);
    const said = `resource ${index} says ${kind ?? `kind ${resource.kind}`} '${resource.name}': ${facts}`;
    if (expected === undefined) {
      add(
        'not-granted',
        `${said}, but the policy gives the subject ${known.length} resources`,
        [subject.at.line],
        offset,
      );
    } else if (kind !== expected.kind || resource.name !== expected.name || facts !== expected.facts) {
      const meant = `${expected.kind} '${expected.name}': ${expected.facts} (policy line ${expected.line})`;
      add('not-granted', `${said}, the policy means ${meant}`, [expected.line], offset);
    } else if (expected.kind === 'memory' && expected.hash === undefined) {
      unstated += 1;
    } else if (expected.hash !== undefined && hash !== expected.hash) {
      add('wrong-hash', `${said} with hash ${hash}, the policy states ${expected.hash}`, [expected.line], offset);
    }
  });
  if (info.resourceCount !== known.length)
    add(
      'resource-count',
      `it lists ${info.resourceCount} resources, the policy gives ${known.length}`,
      [subject.at.line],
      77,
    );
  if (info.magicLow !== MAGIC.low || info.magicHigh !== MAGIC.high)
    add('malformed-entry', 'the magic number is wrong', []);
  if (info.name !== subject.name) add('wrong-name', `it names '${info.name}'`, [subject.at.line], 12);
  const { speedKhz, at } = document.hardware.processor;
  if (info.tscKhz !== speedKhz)
    add('wrong-speed', `it states ${info.tscKhz} kHz, the policy ${speedKhz}`, [at.line], 8);
  if (info.strayBytes > 0)
    add('stray-bytes', `${info.strayBytes} bytes that belong to no resource are not zero`, [], 80);
  return structureReport(differences, {
    entries: info.resources.length,
    tables: 1,
    seen: { resource: info.resources.length, 'hash-not-stated': unstated },
  });
}
