import { formatAddress, PAGE_SIZE_BYTES, PHYSICAL_LIMIT } from '../../units/address.ts';
import type { MemoryMapping, MemoryRegion, PolicyNode } from '../document.ts';
import { ownerName, type PolicyIndex } from '../policy-index.ts';
import { type Rule, rule, type Visit, validatorRule } from '../rule.ts';
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

function checkVirtualAlignment({ mappings, document }: PolicyIndex, visit: Visit): void {
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
}

/** Regions named `owner|...` belong to a subject or to the kernel of a CPU, `kernel_<cpu>`. */
function checkEntityNames({ document, subjects, activeCpus, cpuIds }: PolicyIndex, visit: Visit): void {
  const owners = new Set([...subjects.keys(), ...[...cpuIds, ...activeCpus].map(cpu => `kernel_${cpu}`)]);
  for (const region of document.memory) {
    const bar = region.name.indexOf('|');
    if (bar < 0) continue;
    visit.examined();
    const owner = region.name.slice(0, bar);
    if (owners.has(owner)) continue;
    const message = `memory region '${region.name}' names '${owner}' as its owner, which is neither a subject nor a kernel`;
    visit.report(region, message, 'Name the region after an existing subject or kernel_<cpu>.');
  }
}

function checkInside(index: PolicyIndex, visit: Visit): void {
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
}

function checkSizes(index: PolicyIndex, visit: Visit): void {
  const check = (node: PolicyNode, sizeBytes: number, what: string): void => {
    visit.examined();
    if (sizeBytes % PAGE_SIZE_BYTES !== 0) {
      const message = `size ${formatAddress(sizeBytes)} of ${what} is no multiple of the page size 0x1000`;
      visit.report(node, message, 'Round the size up to whole pages.');
    }
  };
  for (const region of index.document.memory) check(region, region.sizeBytes, `region '${region.name}'`);
  for (const { node, start, end, name } of deviceSpans(index)) check(node, end - start, name);
}

function checkCrashAudit({ document }: PolicyIndex, visit: Visit): void {
  const audits = document.memory.filter(region => region.type === 'subject_crash_audit');
  visit.examined();
  if (audits.length !== 1) {
    const message = `${audits.length} regions have the type subject_crash_audit, expected 1`;
    visit.report(audits[1] ?? document, message, 'Keep exactly one.');
  }
  for (const audit of audits) {
    if (audit.caching === 'UC') continue;
    const message = `crash audit region '${audit.name}' has caching ${audit.caching}, expected UC`;
    visit.report(audit, message, 'Set caching="UC": the page must survive a warm reset.');
  }
}

/** Rules about physical memory and where it is mapped. */
export const MEMORY_RULES: readonly Rule[] = [
  validatorRule(
    {
      code: 'MEM-ADDRESS-ALIGNED',
      area: 'memory',
      title: 'Validate that physical addresses of memory regions honour their alignment.',
      validator: 'memory.Physical_Address_Alignment',
    },
    ({ document }, visit) => {
      for (const region of document.memory) {
        visit.examined();
        const { physicalAddress: address, alignmentBytes, name } = region;
        if (address % alignmentBytes !== 0) {
          const message = `physical address ${formatAddress(address)} of region '${name}' is not aligned to ${formatAddress(alignmentBytes)}`;
          visit.report(region, message, 'Let mucfgalloc allocate the region or correct the address.');
        }
      }
    },
  ),
  rule(
    {
      code: 'MEM-ADDRESS-LIMIT',
      area: 'memory',
      title: 'Validate that memory regions lie below the physical limit of 2^52.',
      severity: 'error',
    },
    ({ document }, visit) => {
      for (const region of document.memory) {
        visit.examined();
        const end = region.physicalAddress + region.sizeBytes;
        if (end > PHYSICAL_LIMIT) {
          const message = `region '${region.name}' ends at ${formatAddress(end)}, above the physical limit of 2^52`;
          visit.report(region, message, 'Correct the address or the size.');
        }
      }
    },
  ),
  validatorRule(
    {
      code: 'MEM-SIZE',
      area: 'memory',
      title: 'Validate that sizes of memory regions and of device memory are multiples of the page size.',
      validator: 'memory.Region_Size',
    },
    checkSizes,
  ),
  rule(
    {
      code: 'MEM-EMPTY',
      area: 'memory',
      title: 'Validate that memory regions are not empty.',
      severity: 'error',
    },
    ({ document }, visit) => {
      for (const region of document.memory) {
        visit.examined();
        if (region.sizeBytes !== 0) continue;
        visit.report(region, `region '${region.name}' has size 0, expected at least 0x1000`, 'Give at least 16#1000#.');
      }
    },
  ),
  validatorRule(
    {
      code: 'MEM-ENTITY-NAME',
      area: 'memory',
      title: 'Validate that kernels and subjects that names of memory regions encode exist.',
      validator: 'memory.Entity_Name_Encoding',
    },
    checkEntityNames,
  ),
  validatorRule(
    {
      code: 'MEM-OVERLAP',
      area: 'memory',
      title: 'Validate that no physical memory regions and device memory regions overlap.',
      validator: 'memory.Physical_Memory_Overlap',
    },
    (index, visit) => {
      const spans = [...index.document.memory.map(regionSpan), ...deviceSpans(index)];
      reportOverlaps(visit, 'physical memory', spans, 'Two owners of one page are not isolated; move one of them.');
    },
  ),
  // The real check compares sums of sizes only; a region outside of all blocks is not memory at all.
  validatorRule(
    {
      code: 'MEM-INSIDE-HARDWARE',
      area: 'memory',
      title: 'Validate that memory regions fit into the memory blocks of the hardware.',
      validator: 'hardware.Memory_Space',
    },
    checkInside,
  ),
  validatorRule(
    {
      code: 'MEM-VIRTUAL-ALIGNED',
      area: 'memory',
      title: 'Validate that virtual addresses of mappings are page aligned.',
      validator: 'memory.Virtual_Address_Alignment',
    },
    checkVirtualAlignment,
  ),
  validatorRule(
    {
      code: 'MEM-CRASH-AUDIT',
      area: 'memory',
      title: 'Validate that one uncached crash audit region exists.',
      validator: 'memory.Uncached_Crash_Audit_Presence',
    },
    checkCrashAudit,
  ),
];
