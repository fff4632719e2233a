import { CACHING_TYPES } from '../document.ts';
import { type ChildRule, choice, type ElementRule, group, leaf, many, may, needs, one, optional } from '../grammar.ts';
import { BOOLEAN, BYTE, decimal, HASH, NAME, oneOf, orNone, SIZE, TEXT, WORD16, WORD32, WORD64 } from '../literal.ts';
import { PCI_ADDRESS } from '../parse-hardware.ts';
import { COUNT, EVENT_ID, INTEGER, IRQ_NUMBER, orWord, POSITIVE, SOURCE_MEMORY_TYPE, VECTOR } from './source-values.ts';
import { SOURCE_VCPU } from './vcpu-grammar.ts';

/** Any number of elements that may be mixed with the others of one group. */
const mixed = (name: string, element: ElementRule): ChildRule => ({
  element,
  min: 0,
  max: Number.POSITIVE_INFINITY,
  choice: name,
});

const EVENT_MODE = oneOf('an event mode', ['asap', 'async', 'self', 'switch', 'kernel']);
const CACHING = oneOf('a caching type', CACHING_TYPES);
const NAMED = leaf({ name: needs(NAME) });
const LINK = { logical: needs(NAME), physical: needs(NAME) };
const RIGHTS = { writable: needs(BOOLEAN), executable: needs(BOOLEAN) };

const CONFIG = group({
  boolean: many(leaf({ name: may(NAME), value: may(BOOLEAN) })),
  integer: many(leaf({ name: may(NAME), value: may(INTEGER) })),
  string: many(leaf({ name: may(NAME), value: may(TEXT) })),
});

const PROCESSOR = {
  attributes: {
    cpuCores: needs(POSITIVE),
    speed: needs(POSITIVE),
    vmxTimerRate: needs(decimal('a VMX-preemption timer rate', 0, 31)),
  },
  children: {
    cpu: many(leaf({ apicId: needs(decimal('an APIC id', 0, 255)), cpuId: may(decimal('a CPU id', 0, 255)) }), 1),
    cpuid: many(
      leaf({
        leaf: needs(WORD32),
        subleaf: needs(BYTE),
        eax: needs(WORD32),
        ebx: needs(WORD32),
        ecx: needs(WORD32),
        edx: needs(WORD32),
      }),
    ),
    msr: many(leaf({ address: needs(WORD32), name: needs(TEXT), regval: needs(WORD64) })),
  },
};

const PLACED = { name: needs(NAME), physicalAddress: needs(WORD64), size: needs(SIZE) };

const PCI = {
  attributes: PCI_ADDRESS.attributes,
  children: {
    identification: one(
      leaf({ classcode: needs(WORD16), vendorId: needs(WORD16), deviceId: needs(WORD16), revisionId: needs(BYTE) }),
    ),
    iommuGroup: optional(leaf({ id: needs(COUNT) })),
  },
};

const DEVICE = {
  attributes: { name: needs(NAME) },
  children: {
    description: optional({ attributes: {}, children: {}, text: TEXT }),
    pci: optional(PCI),
    irq: many({ attributes: { name: needs(NAME), number: needs(IRQ_NUMBER) }, children: { msi: many(NAMED) } }),
    memory: many(leaf({ ...PLACED, caching: needs(CACHING) })),
    ioPort: many(leaf({ name: needs(NAME), start: needs(WORD16), end: needs(WORD16) })),
    capabilities: optional(
      group({ capability: many({ attributes: { name: needs(TEXT) }, children: {}, text: TEXT }, 1) }),
    ),
    reservedMemory: many(leaf({ ref: needs(NAME) })),
  },
};

const HARDWARE = group({
  processor: optional(PROCESSOR),
  memory: optional(
    group({
      memoryBlock: mixed('block', leaf({ ...PLACED, allocatable: may(BOOLEAN) })),
      reservedMemory: mixed('block', leaf(PLACED)),
    }),
  ),
  devices: optional({
    attributes: { pciConfigAddress: may(WORD64), pciConfigSize: may(WORD64) },
    children: { device: many(DEVICE) },
  }),
});

/** Resources of an alias name resources of their own, three levels deep: device, interrupt, message. */
function aliasResource(depth: number): ElementRule {
  const attributes = { name: needs(NAME), physical: needs(NAME) };
  return depth === 0 ? leaf(attributes) : { attributes, children: { resource: many(aliasResource(depth - 1)) } };
}

const PLATFORM = group({
  config: optional(CONFIG),
  mappings: optional(
    group({
      aliases: optional(group({ alias: many(aliasResource(3)) })),
      classes: optional(
        group({
          class: many({
            attributes: { name: needs(NAME) },
            children: { device: many(leaf({ physical: needs(NAME) })) },
          }),
        }),
      ),
    }),
  ),
  kernelDiagnostics: one({
    attributes: { type: needs(oneOf('a kind of kernel diagnostics', ['none', 'uart', 'hsuart', 'vga'])) },
    children: {
      device: optional({
        attributes: { physical: needs(NAME) },
        children: { memory: many(leaf({ physical: needs(NAME) })), ioPort: many(leaf({ physical: needs(NAME) })) },
      }),
    },
  }),
});

const CONTENT = {
  file: choice('content', leaf({ filename: needs(TEXT), offset: needs(orNone(WORD64)) })),
  fill: choice('content', leaf({ pattern: needs(BYTE) })),
  hash: choice('hash', leaf({ value: needs(HASH) })),
  hashRef: choice('hash', leaf({ memory: needs(NAME) })),
};

const MEMORY = group({
  memory: many(
    {
      attributes: {
        name: needs(NAME),
        size: needs(SIZE),
        caching: needs(CACHING),
        type: may(SOURCE_MEMORY_TYPE),
        alignment: may(oneOf('an alignment', ['16#1000#', '16#0020_0000#', '16#4000_0000#'])),
        physicalAddress: may(WORD64),
      },
      children: CONTENT,
    },
    1,
  ),
});

const DEVICE_DOMAINS = group({
  domain: many(
    {
      attributes: { name: needs(NAME) },
      children: {
        memory: optional(
          group({
            memory: mixed('memory', leaf({ ...LINK, ...RIGHTS, virtualAddress: needs(WORD64) })),
            mapSubjectMemory: mixed(
              'memory',
              leaf({ subject: needs(NAME), virtualAddressOffset: may(orWord(WORD64, 'none')) }),
            ),
          }),
        ),
        devices: one(group({ device: many(leaf({ ...LINK, mapReservedMemory: may(BOOLEAN) })) })),
      },
    },
    0,
    255,
  ),
});

const ACTIONS = {
  subject_sleep: choice('action', leaf({})),
  subject_yield: choice('action', leaf({})),
  system_reboot: choice('action', leaf({})),
  system_panic: choice('action', leaf({})),
  system_poweroff: choice('action', leaf({})),
  unmask_irq: choice('action', leaf({ number: needs(IRQ_NUMBER) })),
};
const TARGET_ACTIONS = {
  inject_interrupt: choice('action', leaf({ vector: needs(VECTOR) })),
  reset: choice('action', leaf({})),
};

/** Numbers that a component leaves open are given by now: this is checked when it is joined. */
const ARRAY = { logical: needs(NAME), elementSize: needs(SIZE), virtualAddressBase: may(WORD64) };
const LOGICAL = leaf({ logical: needs(NAME) });
const REQUIRED_CHANNEL = { logical: needs(NAME), size: needs(SIZE), virtualAddress: may(orWord(WORD64, 'auto')) };

const REQUIRES = group({
  vcpu: optional(SOURCE_VCPU),
  memory: optional(
    group({
      memory: mixed(
        'memory',
        leaf({ ...RIGHTS, logical: needs(NAME), size: needs(SIZE), virtualAddress: may(orWord(WORD64, 'auto')) }),
      ),
      array: mixed('memory', { attributes: { ...ARRAY, ...RIGHTS }, children: { memory: many(LOGICAL) } }),
    }),
  ),
  channels: optional(
    group({
      reader: mixed('channel', leaf({ ...REQUIRED_CHANNEL, vector: may(orWord(VECTOR, 'auto', 'none')) })),
      writer: mixed('channel', leaf({ ...REQUIRED_CHANNEL, event: may(orWord(EVENT_ID, 'auto')) })),
      array: mixed('channel', {
        attributes: { ...ARRAY, eventBase: may(orWord(COUNT, 'auto')), vectorBase: may(orWord(VECTOR, 'auto')) },
        children: { reader: mixed('element', LOGICAL), writer: mixed('element', LOGICAL) },
      }),
    }),
  ),
  devices: optional(
    group({
      device: many({
        attributes: { logical: needs(NAME) },
        children: {
          irq: many({ attributes: { logical: needs(NAME), vector: needs(VECTOR) }, children: { msi: many(LOGICAL) } }),
          memory: many(leaf({ ...RIGHTS, logical: needs(NAME), size: needs(SIZE), virtualAddress: needs(WORD64) })),
          ioPort: many(leaf({ logical: needs(NAME), start: needs(WORD16), end: needs(WORD16) })),
        },
      }),
    }),
  ),
  events: optional(
    group({
      source: optional(
        group({ event: many({ attributes: { logical: needs(NAME), id: needs(EVENT_ID) }, children: ACTIONS }) }),
      ),
      target: optional(
        group({ event: many({ attributes: { logical: needs(NAME), id: may(COUNT) }, children: TARGET_ACTIONS }) }),
      ),
    }),
  ),
});

const PROVIDES = group({
  memory: many({
    attributes: {
      ...RIGHTS,
      logical: needs(NAME),
      size: needs(SIZE),
      virtualAddress: needs(WORD64),
      type: may(SOURCE_MEMORY_TYPE),
    },
    children: CONTENT,
  }),
});

const SPECIFICATION = {
  config: optional(CONFIG),
  depends: optional(group({ library: many(leaf({ ref: needs(NAME) })) })),
  requires: optional(REQUIRES),
  provides: optional(PROVIDES),
};

/** Grammar of a library specification. */
export const LIBRARY: ElementRule = { attributes: { name: needs(NAME) }, children: SPECIFICATION };

/** Grammar of a component specification. */
export const COMPONENT: ElementRule = {
  attributes: { name: needs(NAME), profile: needs(oneOf('a profile', ['native', 'vm', 'linux'])) },
  children: SPECIFICATION,
};

const DEVICE_REFERENCE = {
  attributes: LINK,
  children: {
    pci: optional(PCI_ADDRESS),
    irq: many({ attributes: { ...LINK, vector: may(VECTOR) }, children: { msi: many(leaf(LINK)) } }),
    memory: many(leaf({ ...LINK, virtualAddress: may(WORD64), writable: may(BOOLEAN), executable: may(BOOLEAN) })),
    ioPort: many(leaf(LINK)),
  },
};

const MONITORED = leaf({
  subject: needs(NAME),
  logical: needs(NAME),
  virtualAddress: needs(WORD64),
  writable: needs(BOOLEAN),
});

/** Maps of a component name resources of devices, and messages of interrupts below those. */
function componentMap(depth: number): ElementRule {
  return depth === 0 ? leaf(LINK) : { attributes: LINK, children: { map: many(componentMap(depth - 1)) } };
}

const SUBJECT = {
  attributes: { name: needs(NAME) },
  children: {
    vcpu: optional(SOURCE_VCPU),
    bootparams: many({ attributes: {}, children: {}, text: TEXT }),
    memory: optional(
      group({ memory: many(leaf({ ...LINK, ...RIGHTS, virtualAddress: may(orWord(WORD64, 'auto')) })) }),
    ),
    devices: optional(group({ device: many(DEVICE_REFERENCE) })),
    events: one(
      group({
        source: optional(
          group({
            group: many({
              attributes: { name: needs(oneOf('an event group', ['vmx_exit', 'vmcall'])) },
              children: {
                default: optional({ attributes: { physical: needs(NAME) }, children: ACTIONS }),
                event: many({ attributes: { ...LINK, id: needs(EVENT_ID) }, children: ACTIONS }),
              },
            }),
          }),
        ),
        target: optional(group({ event: many({ attributes: { ...LINK, id: may(COUNT) }, children: TARGET_ACTIONS }) })),
      }),
    ),
    channels: optional(
      group({
        reader: mixed(
          'channel',
          leaf({
            ...LINK,
            virtualAddress: may(orWord(WORD64, 'auto')),
            vector: may(orWord(VECTOR, 'auto', 'none')),
          }),
        ),
        writer: mixed(
          'channel',
          leaf({ ...LINK, virtualAddress: may(orWord(WORD64, 'auto')), event: may(orWord(EVENT_ID, 'auto')) }),
        ),
      }),
    ),
    monitor: optional(
      group({
        state: many(MONITORED),
        timed_event: many(MONITORED),
        interrupts: many(MONITORED),
        loader: optional(leaf({ subject: needs(NAME), logical: needs(NAME), virtualAddress: needs(WORD64) })),
      }),
    ),
    component: choice('software', { attributes: { ref: needs(NAME) }, children: { map: many(componentMap(2)) } }),
    sibling: choice('software', leaf({ ref: needs(NAME) })),
  },
};

const SCHEDULING = {
  attributes: { tickRate: needs(POSITIVE) },
  children: {
    partitions: one(
      group({
        partition: many(
          {
            attributes: { name: needs(NAME) },
            children: { group: many(group({ subject: many(NAMED, 1) }), 1, 64) },
          },
          1,
        ),
      }),
    ),
    majorFrame: many(
      group({
        cpu: many(
          {
            attributes: { id: needs(decimal('a CPU id', 0, 255)) },
            children: { minorFrame: many(leaf({ partition: needs(NAME), ticks: needs(POSITIVE) }), 1) },
          },
          1,
        ),
      }),
      1,
    ),
  },
};

/** Grammar of a source policy of late 2024, merged, with or without its components. */
export const SOURCE_SYSTEM: ElementRule = group({
  config: one(CONFIG),
  hardware: one(HARDWARE),
  platform: optional(PLATFORM),
  memory: one(MEMORY),
  deviceDomains: optional(DEVICE_DOMAINS),
  events: one(group({ event: many(leaf({ name: needs(NAME), mode: needs(EVENT_MODE) })) })),
  channels: optional(
    group({
      channel: many(leaf({ name: needs(NAME), size: needs(SIZE), hasEvent: may(EVENT_MODE) })),
    }),
  ),
  components: optional(group({ library: many(LIBRARY), component: many(COMPONENT) })),
  subjects: one(group({ subject: many(SUBJECT, 1) })),
  scheduling: one(SCHEDULING),
});
