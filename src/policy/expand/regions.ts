import { formatWord64 } from '../literal.ts';
import { createElement, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';

/** Attribute and text form of an address or a size. */
export const word = (value: number): string => formatWord64(BigInt(value));

/** Sets an attribute and keeps the attributes in alphabetical order, as the real tools write them. */
export function setAttribute(element: TreeElement, name: string, value: string): void {
  element.attributes[name] = value;
  const sorted: Record<string, string> = Object.create(null);
  for (const key of Object.keys(element.attributes).sort()) sorted[key] = element.attributes[key]!;
  element.attributes = sorted;
}

/** What a new memory region is and holds. */
export interface NewRegion {
  readonly name: string;
  readonly sizeBytes: number;
  readonly type: string;
  readonly physicalAddress?: number;
  readonly file?: { readonly name: string; readonly offset?: number; readonly sizeBytes?: number };
  /** Filled with zeros. */
  readonly zero?: boolean;
}

/** A memory region element for `cause`: write-back, aligned to pages. */
export function regionElement(cause: TreeElement, region: NewRegion): TreeElement {
  const { name, sizeBytes, type, physicalAddress, file, zero } = region;
  const children: TreeElement[] = [];
  if (file !== undefined) {
    const offset = file.offset === undefined ? 'none' : word(file.offset);
    const size = file.sizeBytes === undefined ? {} : { size: word(file.sizeBytes) };
    children.push(createElement(cause, 'file', { filename: file.name, offset, ...size }));
  }
  if (zero === true) children.push(createElement(cause, 'fill', { pattern: '16#00#' }));
  const place = physicalAddress === undefined ? {} : { physicalAddress: word(physicalAddress) };
  const attributes = { alignment: word(0x1000), caching: 'WB', name, ...place, size: word(sizeBytes), type };
  return createElement(cause, 'memory', attributes, children);
}

/** Adds a physical memory region at the end of the memory section. */
export function addRegion(workspace: Workspace, cause: TreeElement, region: NewRegion): void {
  workspace.section('memory').children.push(regionElement(cause, region));
}

/** A mapping element for `cause`. */
export function mappingElement(
  cause: TreeElement,
  logical: string,
  physical: string,
  virtualAddress: number,
  access: { readonly writable?: boolean; readonly executable?: boolean } = {},
): TreeElement {
  return createElement(cause, 'memory', {
    executable: String(access.executable ?? false),
    logical,
    physical,
    virtualAddress: word(virtualAddress),
    writable: String(access.writable ?? false),
  });
}
