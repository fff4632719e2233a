import {
  addEvent,
  addRegion,
  alphaDevices,
  alphaTargets,
  alphaVmcalls,
  betaDevices,
  bit,
  both,
  domain,
  drop,
  type Edit,
  hardware,
  map,
  nic,
  nicReference,
  pciHardware,
  replace,
} from './policy-editing.ts';

const PORT = '<ioPort end="16#0300#" name="p" start="16#0300#"/>';
/** Sets a bit of subject beta's VMX word. */
const betaBit =
  (word: string, name: string, value: 0 | 1): Edit =>
  text => {
    const at = text.indexOf('name="beta" schedGroupId');
    return text.slice(0, at) + bit(word, name, value)(text.slice(at));
  };
const MULTI = [nic(), nic({ name: 'nic2', address: 'bus="16#00#" device="16#02#" function="1"', irqs: [42, 43] })];
const LINE = both(pciHardware(nic({ msi: false, irqs: [16] })), alphaDevices(nicReference([[1, 60]])));
const unmask = (logical: string, number: number): Edit =>
  both(
    addEvent('unmask', 'kernel'),
    alphaVmcalls(`<event id="9" logical="${logical}" physical="unmask"><unmask_irq number="${number}"/></event>`),
  );
const domainMap = map('dma', '16#1000#', 'dma', true);

/** Minimal bad policies for the rules about devices, device domains and events, by code. */
export const DEVICES_EDITS: Readonly<Record<string, Edit>> = {
  'DEV-NAME-UNIQUE': replace('<aliases/>', '<aliases><alias name="com_1" physical="com_1"/></aliases>'),
  'DEV-IRQ-NAME-UNIQUE': replace('<irq name="irq" number="4"/>', '$&<irq name="irq" number="5"/>'),
  'DEV-PORT-NAME-UNIQUE': hardware(`<device name="x">${PORT}${PORT.replaceAll('300', '301')}</device>`),
  'DEV-MEMORY-NAME-UNIQUE': hardware(
    `<device name="x">${['0', '1'].map(page => `<memory caching="UC" name="m" physicalAddress="16#f000_${page}000#" size="16#1000#"/>`).join('')}</device>`,
  ),
  'DEV-REFERENCE': alphaDevices('<device logical="x" physical="ghost"/>'),
  'DEV-IRQ-REFERENCE': alphaDevices(
    '<device logical="x" physical="com_1"><irq logical="i" physical="ghost" vector="60"/></device>',
  ),
  'DEV-PORT-REFERENCE': alphaDevices(
    '<device logical="x" physical="com_1"><ioPort logical="p" physical="ghost"/></device>',
  ),
  'DEV-MEMORY-REFERENCE': alphaDevices(`<device logical="x" physical="com_1">${map('ghost', '16#1000#')}</device>`),
  'DEV-LEGACY-REFERENCE': both(pciHardware(nic()), alphaDevices('<device logical="x" physical="nic"/>')),
  'DEV-PCI-REFERENCE': alphaDevices(
    '<device logical="x" physical="com_1"><pci bus="16#00#" device="16#01#" function="0"/></device>',
  ),
  'DEV-IRQ-UNIQUE': hardware('<device name="com_2"><irq name="i" number="4"/></device>'),
  'DEV-IRQ-ISA': hardware('<device name="com_2"><irq name="i" number="16"/></device>'),
  'DEV-IRQ-LSI': pciHardware(nic({ msi: false, irqs: [24] })),
  'DEV-IRQ-MSI': pciHardware(nic({ irqs: [23, 24] })),
  'DEV-MSI-CONSECUTIVE': pciHardware(nic({ irqs: [40, 42] })),
  'DEV-MSI-VECTORS': both(
    pciHardware(nic()),
    alphaDevices(
      nicReference([
        [1, 60],
        [2, 63],
      ]),
    ),
  ),
  'DEV-PORT-ORDER': hardware('<device name="x"><ioPort end="16#0300#" name="p" start="16#0301#"/></device>'),
  'DEV-PORT-UNIQUE': hardware('<device name="com_2"><ioPort end="16#03f8#" name="p" start="16#03f0#"/></device>'),
  'DEV-REFERENCE-UNIQUE': alphaDevices('<device logical="x" physical="com_1"/><device logical="y" physical="com_1"/>'),
  'DEV-BDF-UNIQUE': pciHardware(nic({ irqs: [] }) + nic({ name: 'nic2', irqs: [] })),
  'DEV-MULTIFUNCTION': both(
    pciHardware(MULTI.join('')),
    alphaDevices(nicReference()),
    betaDevices(nicReference([], { name: 'nic2' })),
  ),
  'DEV-REFERENCE-BDF-UNIQUE': both(
    pciHardware(nic() + nic({ name: 'nic2', address: 'bus="16#00#" device="16#03#" function="0"', irqs: [42, 43] })),
    alphaDevices(nicReference() + nicReference([], { name: 'nic2' })),
  ),
  'DEV-PCI-BUS': both(
    pciHardware(nic()),
    alphaDevices(nicReference([], { pci: 'bus="16#01#" device="16#01#" function="0"' })),
  ),
  'DEV-IOMMU-SIZE': replace(
    'physicalAddress="16#fed9_0000#" size="16#1000#"',
    'physicalAddress="16#fed9_0000#" size="16#2000#"',
  ),
  'DEV-MMCONF': both(
    pciHardware(nic({ rest: '<memory caching="UC" name="mmconf" physicalAddress="16#e001_0000#" size="16#1000#"/>' })),
    alphaDevices(nicReference([], { rest: map('mmconf', '16#f801_0000#', 'mmconf', true) })),
  ),
  'DOM-UNIQUE': both(
    domain(),
    addRegion('vtd_e_pt', 'system_pt'),
    replace('</deviceDomains>', '<domain id="1" name="e"><memory/><devices/></domain>$&'),
  ),
  'DOM-VIRTUAL-OVERLAP': both(
    addRegion('dma', 'subject', 15),
    addRegion('dma2', 'subject', 14),
    domain(`${domainMap}${map('dma2', '16#1000#', 'two')}`),
  ),
  'DOM-MEMORY-TYPE': domain(map('data', '16#1000#')),
  'DOM-PT': both(domain(), drop('vtd_d_pt')),
  'DOM-CONTEXT': both(domain(), drop('vtd_context_bus_0')),
  'DOM-DEVICE-UNIQUE': domain('', '<device logical="nic" physical="nic"/><device logical="again" physical="nic"/>'),
  'DOM-DEVICE-PCI': domain('', '<device logical="com" physical="com_1"/>'),
};

/** Minimal bad policies for the rules about devices, device domains and events, by code. */
export const EVENTS_EDITS: Readonly<Record<string, Edit>> = {
  'EVT-REFERENCE': alphaVmcalls('<event id="9" logical="x" physical="ghost"/>'),
  'EVT-NAME-UNIQUE': replace('<event mode="kernel" name="panic"/>', '$&$&'),
  'EVT-GROUP-UNIQUE': replace('</source></events>', '<group name="vmcall"/>$&'),
  'EVT-SOURCE-UNIQUE': alphaVmcalls('<event id="1" logical="other" physical="wake"/>'),
  'EVT-TARGET-UNIQUE': both(
    addEvent('other', 'async'),
    alphaVmcalls('<event id="9" logical="other" physical="other"/>'),
    replace('<target>', '<target><event id="3" logical="other" physical="other"/>'),
  ),
  'EVT-ENDS': addEvent('lonely', 'kernel'),
  'EVT-SELF-REFERENCE': replace('mode="async"', 'mode="self"'),
  'EVT-SELF-ACTION': both(
    addEvent('mine', 'self'),
    alphaVmcalls('<event id="9" logical="mine" physical="mine"/>'),
    alphaTargets('<event id="0" logical="mine" physical="mine"/>'),
  ),
  'EVT-SWITCH': replace('mode="async"', 'mode="switch"'),
  'EVT-IPI': replace('mode="async"', 'mode="ipi"'),
  'EVT-EXIT-IDS': replace(
    '<event id="0" logical="exit_0"',
    '<event id="52" logical="exit_52" physical="panic"><system_panic/></event>$&',
  ),
  'EVT-EXITS-COMPLETE': replace(/<event id="30".*?<\/event>/, ''),
  'EVT-KERNEL-ACTION': replace('<system_panic/>', ''),
  'EVT-SYSTEM-ACTION': replace(
    '<event id="1" logical="wake" physical="wake"/>',
    '<event id="1" logical="wake" physical="wake"><system_reboot/></event>',
  ),
  'EVT-VECTOR-EXCEPTION': replace('inject_interrupt vector="40"', 'inject_interrupt vector="13"'),
  'EVT-VECTOR-COLLISION': betaDevices(
    '<device logical="com" physical="com_1"><irq logical="i" physical="irq" vector="40"/></device>',
  ),
  'EVT-VECTOR-SHARED': both(
    addEvent('tick', 'self'),
    addEvent('tock', 'self'),
    alphaVmcalls('<event id="9" logical="tick" physical="tick"/><event id="10" logical="tock" physical="tock"/>'),
    alphaTargets(
      '<event id="0" logical="tick" physical="tick"><inject_interrupt vector="60"/></event><event id="1" logical="tock" physical="tock"><inject_interrupt vector="60"/></event>',
    ),
  ),
  'EVT-VECTOR-SYSCALL': both(
    betaBit('proc2', 'EnableEPT', 1),
    replace('inject_interrupt vector="40"', 'inject_interrupt vector="128"'),
  ),
  'EVT-UNMASK': LINE,
  'EVT-UNMASK-NAME': both(LINE, unmask('unmask_irq_61', 16)),
};
