import { formatAddress, PAGE_SIZE_BYTES, PHYSICAL_LIMIT } from '../../units/address.ts';
import type { MemoryMapping, MemoryRegion, PolicyNode } from '../document.ts';
import { ownerName, type PolicyIndex } from '../policy-index.ts';
import { type Rule, rule, type Visit } from '../rule.ts';
import { isInside, merged, overlaps, type Span } from '../spans.ts';

/** Something that occupies addresses, with its name for messages. */
export interface NamedSpan extends Span {
  readonly name: string;
  readonly node: PolicyNode;
}

const formatSpan = ({ start, end }: Span): string => `${formatAddress(start)} .. ${formatAddress(end - 1)}`;

/** Reports each overlap at its later span. */
export function reportOverlaps(visit: Visit, what: string, spans: readonly NamedSpan[], hint: string): void {
  for (const _ of spans) visit.examined();
  for (const [first, second] of overlaps(spans)) {
    const message = `${what}: ${second.name} at ${formatSpan(second)} overlaps ${first.name} at ${formatSpan(first)}`;
    visit.report(second.node, message, hint);
  }
}

function regionSpan(region: MemoryRegion): NamedSpan {
  const { physicalAddress: start, sizeBytes, name } = region;
  return { start, end: start + sizeBytes, name: `region '${name}'`, node: region };
}

function deviceSpans({ document }: PolicyIndex): readonly NamedSpan[] {
  return document.hardware.devices.flatMap(device =>
    device.memory.map(memory => ({
      start: memory.physicalAddress,
      end: memory.physicalAddress + memory.sizeBytes,
      name: `memory '${memory.name}' of device '${device.name}'`,
      node: memory,
    })),
  );
}

/** Span of a mapping in its owner's address space; undefined when its region does not exist (another rule says so). */
export function mappingSpan(
  mapping: MemoryMapping,
  region: { readonly sizeBytes: number } | undefined,
): NamedSpan | undefined {
  if (region === undefined) return undefined;
  const { virtualAddress: start, logical } = mapping;
  return { start, end: start + region.sizeBytes, name: `'${logical}'`, node: mapping };
}

/** Rules about physical memory. */
export const MEMORY_RULES: readonly Rule[] = [
  rule(
    {
      code: 'MEM-ADDRESS-ALIGNED',
      area: 'memory',
      title: 'Validate that physical addresses of memory regions honour their alignment and lie below 2^52.',
      severity: 'error',
    },
    ({ document }, visit) => {
      for (const region of document.memory) {
        visit.examined();
        const { physicalAddress: address, alignmentBytes, sizeBytes, name } = region;
        if (address % alignmentBytes !== 0) {
          const message = `physical address ${formatAddress(address)} of region '${name}' is not aligned to ${formatAddress(alignmentBytes)}`;
          visit.report(region, message, 'Let mucfgalloc allocate the region or correct the address.');
        }
        if (address + sizeBytes > PHYSICAL_LIMIT) {
          const message = `region '${name}' ends at ${formatAddress(address + sizeBytes)}, above the physical limit of 2^52`;
          visit.report(region, message, 'Correct the address or the size.');
        }
      }
    },
  ),
  rule(
    {
      code: 'MEM-SIZE',
      area: 'memory',
      title: 'Validate that sizes of memory regions are multiples of the page size and not zero.',
      severity: 'error',
    },
    ({ document }, visit) => {
      for (const region of document.memory) {
        visit.examined();
        if (region.sizeBytes === 0)
          visit.report(region, `region '${region.name}' has size 0`, 'Give at least 16#1000#.');
        else if (region.sizeBytes % PAGE_SIZE_BYTES !== 0) {
          const message = `size ${formatAddress(region.sizeBytes)} of region '${region.name}' is no multiple of the page size 0x1000`;
          visit.report(region, message, 'Round the size up to whole pages.');
        }
      }
    },
  ),
  rule(
    {
      code: 'MEM-OVERLAP',
      area: 'memory',
      title: 'Validate that no physical memory regions and device memory regions overlap.',
      severity: 'error',
    },
    (index, visit) => {
      const spans = [...index.document.memory.map(regionSpan), ...deviceSpans(index)];
      reportOverlaps(visit, 'physical memory', spans, 'Two owners of one page are not isolated; move one of them.');
    },
  ),
  rule(
    {
      code: 'MEM-INSIDE-HARDWARE',
      area: 'memory',
      title: 'Validate that memory regions lie inside the memory blocks of the hardware.',
      severity: 'error',
    },
    (index, visit) => {
      const blocks = index.document.hardware.memoryBlocks;
      const covers = merged(
        blocks.map(block => ({ start: block.physicalAddress, end: block.physicalAddress + block.sizeBytes })),
      );
      const devices = merged(deviceSpans(index));
      for (const region of index.document.memory) {
        visit.examined();
        const span = regionSpan(region);
        if (!isInside(covers, span) && !isInside(devices, span)) {
          const message = `${span.name} at ${formatSpan(span)} lies outside all memory blocks of the hardware`;
          visit.report(region, message, 'Move it into a block of /system/hardware/memory.');
        }
      }
    },
  ),
  rule(
    {
      code: 'MEM-VIRTUAL-ALIGNED',
      area: 'memory',
      title: 'Validate that virtual addresses of mappings are page aligned.',
      severity: 'error',
    },
    ({ mappings, document }, visit) => {
      const check = (mapping: MemoryMapping, owner: string): void => {
        visit.examined();
        if (mapping.virtualAddress % PAGE_SIZE_BYTES !== 0) {
          const message = `virtual address ${formatAddress(mapping.virtualAddress)} of '${mapping.logical}' of ${owner} is not page aligned`;
          visit.report(mapping, message, 'Use a multiple of 16#1000#.');
        }
      };
      for (const owned of mappings) check(owned.mapping, ownerName(owned));
      for (const device of document.kernel.devices) for (const mapping of device.memory) check(mapping, 'the kernel');
      for (const subject of document.subjects) {
        for (const device of subject.devices)
          for (const mapping of device.memory) check(mapping, `subject '${subject.name}'`);
      }
    },
  ),
  rule(
    {
      code: 'MEM-CRASH-AUDIT',
      area: 'memory',
      title: 'Validate that one uncached crash audit region exists and no subject can write it.',
      severity: 'error',
    },
    ({ document, mappings, regions }, visit) => {
      const audits = document.memory.filter(region => region.type === 'subject_crash_audit');
      visit.examined();
      if (audits.length !== 1) {
        const node = audits[1] ?? document;
        visit.report(
          node,
          `${audits.length} regions have the type subject_crash_audit, expected 1`,
          'Keep exactly one.',
        );
      }
      for (const audit of audits) {
        if (audit.caching !== 'UC') {
          visit.report(
            audit,
            `crash audit region '${audit.name}' has caching ${audit.caching}, expected UC`,
            'Set caching="UC": the page must survive a warm reset.',
          );
        }
      }
      for (const { owner, mapping } of mappings) {
        if (owner.kind === 'kernel' || !mapping.writable) continue;
        if (regions.get(mapping.physical)?.type === 'subject_crash_audit') {
          visit.report(mapping, `'${mapping.logical}' maps the crash audit region writable`, 'Map it read-only.');
        }
      }
    },
  ),
];
