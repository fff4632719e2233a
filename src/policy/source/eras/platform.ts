import { childNamed, createElement, elementsAt, insertBefore, removeChild, type TreeElement } from '../../tree.ts';
import { takeChildren } from './schema-change.ts';

/** `<features>` switched the IOMMU; since then it is always used. */
export function features(root: TreeElement): readonly TreeElement[] {
  return takeChildren(root, ['features']);
}

/** `<kernelDiagnosticsDevice>` of the system became `<kernelDiagnostics>` of the platform. */
export function kernelDiagnostics(root: TreeElement): readonly TreeElement[] {
  const [device] = takeChildren(root, ['kernelDiagnosticsDevice']);
  if (device === undefined) return [];
  let platform = childNamed(root, 'platform');
  if (platform === undefined) {
    platform = createElement(device, 'platform');
    insertBefore(root, platform, ['memory']);
  }
  const existing = childNamed(platform, 'kernelDiagnostics');
  if (existing !== undefined) removeChild(platform, existing);
  const ports = elementsAt(device, 'ioPort');
  const reference = createElement(device, 'device', { physical: device.attributes.physical ?? '' }, ports);
  platform.children.push(createElement(device, 'kernelDiagnostics', { type: 'uart' }, [reference]));
  return [device];
}

/** Memory types that were renamed. */
const RENAMED_TYPES: Readonly<Record<string, string>> = { subject_ukvm_boot_info: 'subject_solo5_boot_info' };

/** Names of memory types that changed. */
export function memoryTypes(root: TreeElement): readonly TreeElement[] {
  return elementsAt(root, 'memory/memory').filter(({ attributes }) => {
    const renamed = RENAMED_TYPES[attributes.type ?? ''];
    if (renamed !== undefined) attributes.type = renamed;
    return renamed !== undefined;
  });
}

/** There was no region for crash audits. */
export function crashAudit(root: TreeElement): readonly TreeElement[] {
  const [section] = elementsAt(root, 'memory');
  if (section === undefined || section.children.some(({ attributes }) => attributes.type === 'subject_crash_audit')) {
    return [];
  }
  const attributes = { caching: 'UC', name: 'crash_audit', size: '16#1000#', type: 'subject_crash_audit' };
  section.children.unshift(createElement(section, 'memory', attributes));
  return [section];
}

/** Device domains that map memory without an address: it was that of the subject with the same memory. */
export function domainAddresses(root: TreeElement): readonly TreeElement[] {
  const mappings = new Map(
    elementsAt(root, 'subjects/subject/memory/memory')
      .reverse()
      .map(mapping => [mapping.attributes.physical, mapping]),
  );
  return elementsAt(root, 'deviceDomains/domain/memory/memory').filter(({ attributes }) => {
    if (attributes.virtualAddress !== undefined) return false;
    const mapping = mappings.get(attributes.physical);
    if (mapping?.attributes.virtualAddress !== undefined) attributes.virtualAddress = mapping.attributes.virtualAddress;
    return mapping !== undefined;
  });
}

/** A loader's mapping of its loadee had a right to write of its own. */
export function loaderRights(root: TreeElement): readonly TreeElement[] {
  return elementsAt(root, 'subjects/subject/monitor/loader').filter(({ attributes }) => {
    const isOld = attributes.writable !== undefined;
    delete attributes.writable;
    return isOld;
  });
}
