import type { Finding } from '../finding.ts';
import { formatWord64, parseWord64 } from '../literal.ts';
import type { RuleArea, RuleOutcome } from '../rule.ts';
import type { XmlElement } from '../xml.ts';
import { CONDITION_RULES, CONFIGURATION_RULES } from './library-config.ts';
import { at, type LibraryContext, type LibraryRule, type LibraryVisit, libraryRule } from './library-rule.ts';

const nameOf = ({ attributes }: XmlElement): string => attributes.name ?? '';
const physicalOf = ({ attributes }: XmlElement): string => attributes.physical ?? '';
const named = (elements: readonly XmlElement[]): ReadonlyMap<string, XmlElement> =>
  new Map([...elements].reverse().map(element => [nameOf(element), element]));

const devices = (root: XmlElement): ReadonlyMap<string, XmlElement> => named(at(root, 'hardware/devices/device'));
const aliases = (root: XmlElement): readonly XmlElement[] => at(root, 'platform/mappings/aliases/alias');
const hasChild = (element: XmlElement, name: string): boolean => element.children.some(child => child.name === name);

function checkReferences(
  references: readonly XmlElement[],
  known: ReadonlyMap<string, unknown>,
  what: string,
  visit: LibraryVisit,
): void {
  for (const reference of references) {
    visit.examined();
    const physical = physicalOf(reference);
    if (known.has(physical)) continue;
    const message = `${what} '${nameOf(reference)}' refers to the device '${physical}', which does not exist`;
    visit.report(reference, message, 'Name a device of /system/hardware/devices.');
  }
}

/** Resources nest: an MSI stands below its IRQ, on both sides. */
function checkResources(alias: XmlElement, owner: XmlElement, path: string, visit: LibraryVisit): void {
  const there = new Map(owner.children.map(child => [nameOf(child), child]));
  for (const resource of alias.children.filter(child => child.name === 'resource')) {
    visit.examined();
    const physical = physicalOf(resource);
    const target = there.get(physical);
    if (target !== undefined) checkResources(resource, target, `${path}->${physical}`, visit);
    else {
      const message = `resource '${nameOf(resource)}' of a device alias refers to '${physical}', which '${path}' does not have`;
      const names = [...there.keys()].filter(name => name !== '').join(', ') || 'none';
      visit.report(resource, message, `There are: ${names}.`);
    }
  }
}

/** What a subject takes of an alias must be among what the alias offers. */
function checkAliasUse(used: XmlElement, alias: XmlElement, subject: string, visit: LibraryVisit): void {
  const offers = alias.children.filter(child => child.name === 'resource');
  const known = named(offers);
  for (const resource of used.children.filter(child => child.attributes.physical !== undefined)) {
    visit.examined();
    const physical = physicalOf(resource);
    const offer = known.get(physical);
    if (offer !== undefined) checkAliasUse(resource, offer, subject, visit);
    else {
      const message = `subject '${subject}' takes '${physical}' of the device alias '${nameOf(alias)}', which offers ${[...known.keys()].join(', ') || 'nothing'}`;
      visit.report(resource, message, 'Take a resource that the alias names, or add it to the alias.');
    }
  }
}

/**
 * What a domain maps, subjects with devices of the domain must find at the address that the device uses; buffers made
 * for devices (type subject_device) are addressed by drivers that know both.
 */
function checkDomainAddresses(root: XmlElement, visit: LibraryVisit): void {
  const buffers = new Set(
    at(root, 'memory/memory')
      .filter(region => region.attributes.type === 'subject_device')
      .map(nameOf),
  );
  const subjects = at(root, 'subjects/subject');
  for (const domain of at(root, 'deviceDomains/domain')) {
    const members = new Set(at(domain, 'devices/device').map(physicalOf));
    const mappings = new Map(at(domain, 'memory/memory').map(mapping => [physicalOf(mapping), mapping]));
    for (const subject of subjects.filter(entry => at(entry, 'devices/device').some(d => members.has(physicalOf(d))))) {
      for (const mapping of at(subject, 'memory/memory')) {
        const domainMapping = mappings.get(physicalOf(mapping));
        if (domainMapping === undefined || buffers.has(physicalOf(mapping))) continue;
        const { virtualAddress: own } = mapping.attributes;
        const { virtualAddress: other } = domainMapping.attributes;
        // An address that is still to be allocated fits.
        if (own === undefined || other === undefined) continue;
        visit.examined();
        if (parseWord64(own) === parseWord64(other)) continue;
        const message = `subject '${nameOf(subject)}' maps '${physicalOf(mapping)}' at ${own}, device domain '${nameOf(domain)}' at ${other}`;
        visit.report(mapping, message, 'Devices use the addresses of their subject; map it at the same one.');
      }
    }
  }
}

function visitFiles(root: XmlElement, visit: LibraryVisit, { fileBytes }: LibraryContext, sizes: boolean): void {
  if (fileBytes === undefined) return;
  for (const region of at(root, 'memory/memory')) {
    for (const { attributes, ...file } of region.children.filter(child => child.name === 'file')) {
      const { filename = '', offset = 'none' } = attributes;
      visit.examined();
      const bytes = fileBytes(filename);
      if (bytes === undefined) {
        if (sizes) continue;
        const message = `file '${filename}' of memory region '${nameOf(region)}' does not exist`;
        visit.report({ attributes, ...file }, message, 'Build it, or correct the name.');
        continue;
      }
      const start = offset === 'none' ? 0n : (parseWord64(offset) ?? 0n);
      const space = parseWord64(region.attributes.size ?? '');
      if (!sizes || space === undefined) continue;
      const needed = BigInt(bytes) - start;
      const isPartial = offset !== 'none';
      if (isPartial ? needed <= 0n : needed > space) {
        const message = isPartial
          ? `offset ${offset} of memory region '${nameOf(region)}' lies behind the ${bytes} bytes of file '${filename}'`
          : `file '${filename}' has ${bytes} bytes, memory region '${nameOf(region)}' has room for ${space}`;
        const hint = isPartial
          ? 'Correct the offset, or give the file that the policy was made for.'
          : `Enlarge the region: the file needs ${formatWord64((needed + 0xfffn) & ~0xfffn)}.`;
        visit.report(region, message, hint);
      }
    }
  }
}

/** The 15 checks of Muen's check library that mucfgvalidate does not register: other tools make them on earlier formats. */
export const LIBRARY_RULES: readonly LibraryRule[] = [
  ...CONFIGURATION_RULES,
  ...CONDITION_RULES,
  libraryRule(
    {
      code: 'LIB-DOMAIN-ADDRESS',
      area: 'domains',
      title: 'Validate that subjects map memory of the domains of their devices at the same address as the domain.',
      validator: 'device_domains.memory_mapping_address_equality',
    },
    checkDomainAddresses,
  ),
  libraryRule(
    {
      code: 'LIB-DOMAIN-PCI',
      area: 'domains',
      title: 'Validate that devices of device domains are PCI devices.',
      validator: 'device_domains.pci_device_references',
    },
    (root, visit) => {
      const known = devices(root);
      for (const reference of at(root, 'deviceDomains/domain/devices/device')) {
        const device = known.get(physicalOf(reference));
        if (device === undefined) continue;
        visit.examined();
        if (hasChild(device, 'pci')) continue;
        const message = `device '${nameOf(device)}' of a device domain has no <pci>, expected a PCI device`;
        visit.report(reference, message, 'Only PCI devices have a VT-d context; remove it.');
      }
    },
  ),
  libraryRule(
    {
      code: 'LIB-FILE-EXISTS',
      area: 'files',
      title: 'Validate that files of memory regions exist.',
      // The real tools stop here; a policy can be judged without its binaries.
      severity: 'warning',
      validator: 'files.files_exist',
    },
    (root, visit, context) => visitFiles(root, visit, context, false),
  ),
  libraryRule(
    {
      code: 'LIB-FILE-SIZE',
      area: 'files',
      title: 'Validate that files fit into their memory regions.',
      validator: 'files.files_size',
    },
    (root, visit, context) => visitFiles(root, visit, context, true),
  ),
  libraryRule(
    {
      code: 'LIB-ALIAS-DEVICE',
      area: 'platform',
      title: 'Validate that devices that aliases stand for exist.',
      validator: 'platform.alias_physical_device_references',
    },
    (root, visit) => checkReferences(aliases(root), devices(root), 'device alias', visit),
  ),
  libraryRule(
    {
      code: 'LIB-ALIAS-RESOURCE',
      area: 'platform',
      title: 'Validate that resources that aliases stand for exist in their devices.',
      validator: 'platform.alias_physical_device_resource_references',
    },
    (root, visit) => {
      const known = devices(root);
      for (const alias of aliases(root)) {
        const device = known.get(physicalOf(alias));
        if (device !== undefined) checkResources(alias, device, nameOf(device), visit);
      }
    },
  ),
  libraryRule(
    {
      code: 'LIB-CLASS-DEVICE',
      area: 'platform',
      title: 'Validate that devices that device classes name exist.',
      validator: 'platform.class_physical_device_references',
    },
    (root, visit) => {
      const known = devices(root);
      for (const entry of at(root, 'platform/mappings/classes/class')) {
        const members = entry.children.map(child => ({
          ...child,
          attributes: { name: nameOf(entry), ...child.attributes },
        }));
        checkReferences(members, known, 'device class', visit);
      }
    },
  ),
  libraryRule(
    {
      code: 'LIB-ALIAS-USE',
      area: 'platform',
      title: 'Validate that subjects take of a device alias only what it offers.',
      validator: 'platform.subject_alias_resource_references',
    },
    (root, visit) => {
      const known = named(aliases(root));
      for (const subject of at(root, 'subjects/subject')) {
        for (const used of at(subject, 'devices/device')) {
          const alias = known.get(physicalOf(used));
          if (alias !== undefined) checkAliasUse(used, alias, nameOf(subject), visit);
        }
      }
    },
  ),
  libraryRule(
    {
      code: 'LIB-IOMMU-REFERENCE',
      area: 'subjects',
      title: 'Validate that no subject refers to an IOMMU.',
      validator: 'subject.no_iommu_device_references',
    },
    (root, visit) => {
      const known = devices(root);
      for (const subject of at(root, 'subjects/subject')) {
        for (const reference of at(subject, 'devices/device')) {
          visit.examined();
          const device = known.get(physicalOf(reference));
          const isIommu =
            device !== undefined && at(device, 'capabilities/capability').some(c => nameOf(c) === 'iommu');
          if (!isIommu) continue;
          const message = `subject '${nameOf(subject)}' refers to '${nameOf(device)}', which is an IOMMU`;
          visit.report(reference, message, 'Who programs an IOMMU reaches all memory by DMA; the kernel alone does.');
        }
      }
    },
  ),
];

/** Applies all library rules to a document in any format. Total: any tree gives findings, never an exception. */
export function checkLibrary(root: XmlElement, context: LibraryContext = {}): ReadonlyMap<string, RuleOutcome> {
  return new Map(LIBRARY_RULES.map(rule => [rule.code, rule.check(root, context)]));
}

/** What the library rules about files say, when there are files to look at. */
export const checkFiles = (
  root: XmlElement,
  context: LibraryContext,
): readonly (RuleOutcome & { readonly code: string })[] =>
  LIBRARY_RULES.filter(({ area }) => area === 'files').map(rule => ({ code: rule.code, ...rule.check(root, context) }));

/** Checks of other tools: of the merge, and of who has the files. */
const ELSEWHERE: ReadonlySet<RuleArea | 'files'> = new Set(['config', 'files']);

/** What the library rules say about a source policy that is to be expanded. */
export function checkBeforeExpansion(root: XmlElement): readonly Finding[] {
  return LIBRARY_RULES.filter(({ area }) => !ELSEWHERE.has(area)).flatMap(rule => rule.check(root, {}).findings);
}
