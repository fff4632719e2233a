import { childNamed, cloneElement, type TreeElement } from '../tree.ts';

/** Elements of which a processor has several; all of both sides are kept. */
const REPEATED = new Set(['msr']);

/** Adds the settings of `other` to `own`; where both have a value, that of `other` counts. */
export function mergeVcpu(own: TreeElement, other: TreeElement): void {
  Object.assign(own.attributes, other.attributes);
  if (other.text.trim() !== '') {
    own.text = other.text;
    own.textOffset = other.textOffset;
    own.at = other.at;
    own.offset = other.offset;
    own.source = other.source;
  }
  for (const child of other.children) {
    const known = REPEATED.has(child.name) ? undefined : childNamed(own, child.name);
    if (known === undefined) own.children.push(cloneElement(child));
    else mergeVcpu(known, child);
  }
}
