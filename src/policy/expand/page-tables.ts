import { pageTableBytes } from '../page-table-size.ts';
import type { Span } from '../spans.ts';
import { childrenNamed, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { capability } from './device-interrupts.ts';
import { PAGE_BYTES } from './layout.ts';
import { bdfOf } from './logical-devices.ts';
import { addRegion } from './regions.ts';
import { nameOf, originOf, subjectsOf } from './subjects.ts';

/** Sizes of memory regions and of the memory of devices, by name. */
class Sizes {
  readonly #workspace: Workspace;
  readonly #regions: ReadonlyMap<string, TreeElement>;
  readonly #devices: ReadonlyMap<string, TreeElement>;

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
    this.#regions = new Map(workspace.all('memory/memory').map(region => [nameOf(region), region]));
    this.#devices = new Map(workspace.all('hardware/devices/device').map(device => [nameOf(device), device]));
  }

  /** Addresses that mappings of memory regions take. */
  regionSpans(mappings: readonly TreeElement[]): readonly Span[] {
    return mappings.flatMap(mapping => this.#span(mapping, this.#regions.get(mapping.attributes.physical ?? '')));
  }

  /** Addresses that mappings of device memory take. */
  deviceSpans(devices: readonly TreeElement[]): readonly Span[] {
    return devices.flatMap(device => {
      const physical = this.#devices.get(device.attributes.physical ?? '');
      const memory = physical === undefined ? [] : childrenNamed(physical, 'memory');
      return childrenNamed(device, 'memory').flatMap(mapping =>
        this.#span(
          mapping,
          memory.find(each => nameOf(each) === mapping.attributes.physical),
        ),
      );
    });
  }

  #span(mapping: TreeElement, region: TreeElement | undefined): readonly Span[] {
    if (region === undefined) return [];
    const start = this.#workspace.word(mapping, 'virtualAddress');
    return [{ start, end: start + this.#workspace.word(region, 'size') }];
  }
}

function addTables(
  workspace: Workspace,
  cause: TreeElement,
  name: string,
  spans: readonly Span[],
  levels: 3 | 4,
): void {
  addRegion(workspace, cause, { name, sizeBytes: pageTableBytes(spans, levels), type: 'system_pt', zero: true });
}

/** Adds the page tables of the kernel on each CPU. */
export function addKernelTables(workspace: Workspace): void {
  const sizes = new Sizes(workspace);
  const devices = sizes.deviceSpans(workspace.all('kernel/devices/device'));
  for (const cpu of workspace.all('kernel/memory/cpu')) {
    const spans = [...sizes.regionSpans(childrenNamed(cpu, 'memory')), ...devices];
    addTables(workspace, cpu, `kernel_${cpu.attributes.id}|pt`, spans, 4);
  }
}

/** Adds the page tables of each subject; a sibling uses those of its origin. */
export function addSubjectTables(workspace: Workspace): void {
  const sizes = new Sizes(workspace);
  for (const subject of subjectsOf(workspace)) {
    if (originOf(subject) !== undefined) continue;
    const mappings = childrenNamed(subject, 'memory').flatMap(section => section.children);
    const devices = childrenNamed(subject, 'devices').flatMap(section => section.children);
    const spans = [...sizes.regionSpans(mappings), ...sizes.deviceSpans(devices)];
    addTables(workspace, subject, `${nameOf(subject)}|pt`, spans, 4);
  }
}

/** Adds the tables of VT-d: root, interrupt remapping, and with domains contexts and page tables (VT-d specification, chapter 9). */
export function addDomainTables(workspace: Workspace): void {
  const cause = workspace.section('deviceDomains');
  const page = (name: string, type: string): void =>
    addRegion(workspace, cause, { name, sizeBytes: PAGE_BYTES, type, zero: true });
  page('vtd_root', 'system_vtd_root');
  page('vtd_ir', 'system_vtd_ir');
  const domains = childrenNamed(cause, 'domain');
  if (domains.length === 0) return;
  const devices = workspace.all('hardware/devices/device');
  const used = new Set(
    [...workspace.all('subjects/subject/devices/device'), ...workspace.all('deviceDomains/domain/devices/device')].map(
      ({ attributes }) => attributes.physical,
    ),
  );
  const buses = new Set(devices.filter(device => used.has(nameOf(device))).flatMap(device => bdfOf(device)?.bus ?? []));
  for (const bus of [...buses].sort((a, b) => a - b)) {
    page(`vtd_context_bus_${bus.toString(16)}`, 'system_vtd_context');
  }
  const sizes = new Sizes(workspace);
  const isWide = devices.some(
    device => capability(device, 'iommu') !== undefined && capability(device, 'agaw') === '48',
  );
  for (const domain of domains) {
    const mappings = childrenNamed(domain, 'memory').flatMap(section => section.children);
    const name = `vtd_${nameOf(domain)}_pt`;
    addTables(workspace, domain, name, sizes.regionSpans(mappings), isWide ? 4 : 3);
  }
}
