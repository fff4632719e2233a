import type { Finding } from '../finding.ts';
import { createElement, createText, elementsAt, ensureElement, findingOn, type TreeElement } from '../tree.ts';
import { insertInOrder } from './element-order.ts';
import { quote, type SourceCode } from './problem.ts';

interface AssumedRegion {
  readonly logical: string;
  readonly virtualAddress: string;
  readonly size: string;
  readonly writable: boolean;
  readonly executable: boolean;
  /** Filled with zeros instead of read from a file. */
  readonly isFill?: boolean;
}

/** Layout of a native component as its linker script has it; larger than any of the real ones but for their tables. */
const NATIVE: readonly AssumedRegion[] = [
  { logical: 'text', virtualAddress: '16#0020_0000#', size: '16#0001_0000#', writable: false, executable: true },
  { logical: 'rodata', virtualAddress: '16#0021_0000#', size: '16#4000#', writable: false, executable: false },
  { logical: 'data', virtualAddress: '16#0021_4000#', size: '16#2000#', writable: true, executable: false },
  {
    logical: 'bss',
    virtualAddress: '16#0021_6000#',
    size: '16#0001_0000#',
    writable: true,
    executable: false,
    isFill: true,
  },
  { logical: 'stack', virtualAddress: '16#1000#', size: '16#2000#', writable: true, executable: false, isFill: true },
];

/** A kernel image where the profile starts it. */
const LINUX: readonly AssumedRegion[] = [
  { logical: 'binary', virtualAddress: '16#0040_0000#', size: '16#00c0_0000#', writable: true, executable: true },
];

const ENTRY_POINT = '16#0020_0000#';
const BINARY: SourceCode = 'SRC-BINARY';

/** Gives a component that provides no code the regions of a binary of assumed size, and says so. */
export function addAssumedBinary(component: TreeElement): readonly Finding[] {
  if (component.name !== 'component') return [];
  const provided = elementsAt(component, 'provides/memory');
  if (provided.some(region => region.attributes.executable === 'true')) return [];
  const { name = '', profile } = component.attributes;
  const regions = profile === 'native' ? NATIVE : LINUX;
  if (profile === 'native' && elementsAt(component, 'requires/vcpu/registers/gpr/rip').length === 0)
    setEntryPoint(component);
  for (const region of regions) addRegion(component, region, name);
  const sizes = regions.map(({ logical, size }) => `${logical} ${size}`).join(', ');
  const message = `the component ${quote(name)} provides no code: a binary of assumed size stands in (${sizes})`;
  const hint =
    'Give the specification that mucgenspec made from the binary; addresses of other regions may change with it.';
  return [findingOn(component, BINARY, 'warning', message, hint)];
}

function setEntryPoint(component: TreeElement): void {
  const requires = ensureChild(component, 'requires', ['component']);
  const vcpu = ensureChild(requires, 'vcpu', ['component', 'requires']);
  const gpr = ensureElement(vcpu, 'registers/gpr');
  gpr.children.unshift(createText(component, 'rip', ENTRY_POINT));
}

function ensureChild(parent: TreeElement, name: string, path: readonly string[]): TreeElement {
  const existing = parent.children.find(child => child.name === name);
  if (existing !== undefined) return existing;
  const child = createElement(parent, name);
  insertInOrder(parent, child, path);
  return child;
}

function addRegion(component: TreeElement, region: AssumedRegion, name: string): void {
  const provides = ensureChild(component, 'provides', ['component']);
  const content = region.isFill
    ? createElement(component, 'fill', { pattern: '16#00#' })
    : createElement(component, 'file', { filename: `${name}_${region.logical}`, offset: 'none' });
  provides.children.push(
    createElement(
      component,
      'memory',
      {
        executable: String(region.executable),
        logical: region.logical,
        size: region.size,
        type: 'subject_binary',
        virtualAddress: region.virtualAddress,
        writable: String(region.writable),
      },
      [content],
    ),
  );
}
