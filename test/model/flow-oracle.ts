import type { PolicyDocument } from '../../src/policy/document.ts';
import { goldenGzip, goldenText } from '../policy/intent-editing.ts';

/** `from -> to` pairs. */
export type Pairs = ReadonlySet<string>;
export const pair = (from: string, to: string): string => `${from} -> ${to}`;

interface SourceEntry {
  readonly Target_Subject: number | string;
  readonly Handover: string;
  readonly Send_IPI: string;
}
type EventTable = string | Readonly<Record<string, SourceEntry>>;
interface KernelTables {
  readonly events: {
    readonly Subject_Events: Readonly<
      Record<string, { readonly Source_Traps: EventTable; readonly Source_Events: EventTable }>
    >;
  };
}

/** Notifications between different subjects in the event tables of the kernel that the real toolchain generated. */
export function notificationsOfKernel(
  document: PolicyDocument,
  folder: string,
): Record<'async' | 'ipi' | 'switch', Pairs> {
  const tables = JSON.parse(goldenText(`${folder}/kernel_tables.json`)) as KernelTables;
  const names = new Map(document.subjects.map(subject => [subject.globalId, subject.name]));
  const result = { async: new Set<string>(), ipi: new Set<string>(), switch: new Set<string>() };
  for (const [id, { Source_Traps, Source_Events }] of Object.entries(tables.events.Subject_Events)) {
    for (const table of [Source_Traps, Source_Events]) {
      for (const entry of typeof table === 'string' ? [] : Object.values(table)) {
        const to = names.get(Number(entry.Target_Subject));
        const from = names.get(Number(id))!;
        if (to === undefined || to === from) continue;
        result[entry.Handover === 'True' ? 'switch' : entry.Send_IPI === 'True' ? 'ipi' : 'async'].add(pair(from, to));
      }
    }
  }
  return result;
}

const ADDRESS = 0x000f_ffff_ffff_f000n;

/** Frame number to whether it is writable, for every leaf of a generated page table (IA-32e or EPT, four levels). */
export function mappedFrames(table: Uint8Array, base: number): Map<number, boolean> {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const frames = new Map<number, boolean>();
  const walk = (offset: number, level: number): void => {
    for (let index = 0; index < 512; index++) {
      const entry = view.getBigUint64(offset + 8 * index, true);
      if ((entry & 1n) === 0n) continue;
      const address = Number(entry & ADDRESS);
      if (level > 1 && (entry & 0x80n) !== 0n) throw new Error('large page: the real generator makes none');
      if (level > 1) walk(address - base, level - 1);
      else frames.set(address / 4096, frames.get(address / 4096) === true || (entry & 2n) !== 0n);
    }
  };
  walk(0, 4);
  return frames;
}

/** Pairs of subjects of which the first can write and the second can reach one frame, by the generated page tables. */
export function memoryPairsOfTables(
  document: PolicyDocument,
  folder: string,
  ignored: (frame: number) => boolean,
): Pairs {
  const users = new Map<number, { subject: string; writable: boolean }[]>();
  for (const subject of document.subjects) {
    const owner = subject.siblingOf ?? subject.name;
    const region = document.memory.find(({ name }) => name === `${owner}|pt`)!;
    const table = goldenGzip(`${folder}/tables/${owner}_pt.gz`);
    for (const [frame, writable] of mappedFrames(table, region.physicalAddress)) {
      if (ignored(frame)) continue;
      const list = users.get(frame) ?? [];
      list.push({ subject: subject.name, writable });
      users.set(frame, list);
    }
  }
  const pairs = new Set<string>();
  for (const list of users.values()) {
    if (list.length < 2) continue;
    for (const from of list) {
      for (const to of list)
        if (from.writable && from.subject !== to.subject) pairs.add(pair(from.subject, to.subject));
    }
  }
  return pairs;
}
