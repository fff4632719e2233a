/** Text edits of the small policy; each fails loudly when it matches nothing. */
export type Edit = (text: string) => string;

/** Replaces the first occurrence. */
export const replace =
  (from: string | RegExp, to: string): Edit =>
  text => {
    const edited = text.replace(from, to);
    if (edited === text) throw new Error(`nothing matches ${from}`);
    return edited;
  };

/** Replaces every occurrence. */
export const replaceAll =
  (from: string, to: string): Edit =>
  text => {
    const edited = text.replaceAll(from, to);
    if (edited === text) throw new Error(`nothing matches ${from}`);
    return edited;
  };

/** Several edits one after the other. */
export const both =
  (...edits: Edit[]): Edit =>
  text =>
    edits.reduce((result, edit) => edit(result), text);

/** Sets a bit of the first subject's VMX word. */
export const bit = (word: string, name: string, value: 0 | 1): Edit =>
  replace(new RegExp(`(<${word}>[\\s\\S]*?<${name}>)[01]`), `$1${value}`);

const pattern = (name: string): string => name.replace('|', '\\|');

/** Sets an attribute of a memory region. */
export const region =
  (name: string, attribute: string, value: string): Edit =>
  text => {
    const [tag] = new RegExp(`<memory [^>]*name="${pattern(name)}"[^>]*>`).exec(text) ?? [];
    if (tag === undefined) throw new Error(`no region ${name}`);
    return replace(tag, tag.replace(new RegExp(` ${attribute}="[^"]*"`), ` ${attribute}="${value}"`))(text);
  };

/** Removes a memory region. */
export const drop = (name: string): Edit =>
  replace(new RegExp(`\\s*<memory [^>]*name="${pattern(name)}"[^>]*>.*?</memory>`), '');

/** Removes the first mapping of a region, which is the kernel's where it has one. */
export const unmap = (physical: string): Edit =>
  replace(new RegExp(` *<memory [^>]*physical="${pattern(physical)}"[^>]*/>\\n`), '');

/** Sets an attribute of the first mapping of a region. */
export const mapping =
  (physical: string, attribute: string, value: string): Edit =>
  text => {
    const [tag] = new RegExp(`<memory [^>]*physical="${pattern(physical)}"[^>]*/>`).exec(text) ?? [];
    if (tag === undefined) throw new Error(`no mapping of ${physical}`);
    return replace(tag, tag.replace(new RegExp(` ${attribute}="[^"]*"`), ` ${attribute}="${value}"`))(text);
  };

/** A mapping that nobody has yet. */
export const map = (physical: string, address: string, logical = 'extra', writable = false): string =>
  `<memory executable="false" logical="${logical}" physical="${physical}" virtualAddress="${address}" writable="${writable}"/>`;

/** Adds a mapping to subject alpha. */
export const alphaMemory = (entry: string): Edit =>
  replace('<memory executable="true" logical="text" physical="alpha|text"', `${entry}\n$&`);

/** Adds a memory region of one page, `page` pages behind 128 MiB. */
export const addRegion = (name: string, type: string, page = 0): Edit =>
  replace(
    '<memory alignment=',
    `<memory alignment="16#1000#" caching="WB" name="${name}" physicalAddress="16#0800_${page.toString(16)}000#" size="16#1000#" type="${type}"><fill pattern="16#00#"/></memory>\n  $&`,
  );

/** Adds a mapping to the kernel. */
export const kernelMemory = (entry: string): Edit => replace('<cpu id="0">\n', `$&${entry}\n`);

const identification =
  '<identification classcode="16#0200#" deviceId="16#0001#" revisionId="16#00#" vendorId="16#8086#"/>';

/** A PCI device with interrupts. */
export interface NicOptions {
  readonly name?: string;
  readonly address?: string;
  readonly msi?: boolean;
  readonly irqs?: readonly number[];
  readonly rest?: string;
}
export function nic({
  name = 'nic',
  address = 'bus="16#00#" device="16#02#" function="0"',
  msi = true,
  irqs = [40, 41],
  rest = '',
}: NicOptions = {}): string {
  const lines = irqs.map((number, index) => `<irq name="irq${index + 1}" number="${number}"/>`).join('');
  return `<device name="${name}"><pci ${address} msi="${msi}">${identification}</pci>${lines}${rest}</device>`;
}

/** Adds devices to the hardware. */
export const hardware = (devices: string): Edit => replace('<device name="com_1">', `${devices}<device name="com_1">`);

/** Adds PCI devices and the config space that they need. */
export const pciHardware = (devices: string): Edit =>
  both(
    hardware(devices),
    replace('  <devices>\n', '  <devices pciConfigAddress="16#e000_0000#" pciConfigSize="16#1000_0000#">\n'),
  );

/** A reference to such a device; `irqs` are pairs of number in its name and vector. */
export function nicReference(
  irqs: readonly (readonly [number, number])[] = [],
  { name = 'nic', pci = 'bus="16#00#" device="16#01#" function="0"', rest = '' } = {},
): string {
  const lines = irqs.map(([nr, vector]) => `<irq logical="i${nr}" physical="irq${nr}" vector="${vector}"/>`).join('');
  return `<device logical="${name}" physical="${name}"><pci ${pci}/>${lines}${rest}</device>`;
}

/** Gives subject alpha devices. */
export const alphaDevices = (devices: string): Edit =>
  replace('<devices/>\n   <events>', `<devices>${devices}</devices>\n   <events>`);

/** Gives subject beta devices. */
export const betaDevices =
  (devices: string): Edit =>
  text => {
    const at = text.lastIndexOf('<devices/>');
    if (at < 0) throw new Error('beta has devices');
    return `${text.slice(0, at)}<devices>${devices}</devices>${text.slice(at + '<devices/>'.length)}`;
  };

const TABLES = [
  ['vtd_root', 'system_vtd_root'],
  ['vtd_context_bus_0', 'system_vtd_context'],
  ['vtd_d_pt', 'system_pt'],
] as const;

/** Adds a device domain with a PCI device `nic`, its tables and the given mappings. */
export const domain = (memory = '', devices = '<device logical="nic" physical="nic"/>'): Edit =>
  both(
    pciHardware(nic()),
    ...TABLES.map(([name, type], index) => addRegion(name, type, index + 8)),
    region('vtd_d_pt', 'size', '16#4000#'),
    replace(
      '<deviceDomains/>',
      `<deviceDomains><domain id="1" name="d"><memory>${memory}</memory><devices>${devices}</devices></domain></deviceDomains>`,
    ),
  );

/** Adds vmcall events to subject alpha. */
export const alphaVmcalls = (events: string): Edit => replace('<group name="vmcall">', `$&${events}`);

/** Adds target events to subject alpha. */
export const alphaTargets = (events: string): Edit =>
  replace('</group></source></events>', `</group></source><target>${events}</target></events>`);

/** Adds a physical event. */
export const addEvent = (name: string, mode: string): Edit =>
  replace('<event mode="async" name="wake"/>', `$&<event mode="${mode}" name="${name}"/>`);

/** Puts subject beta into the scheduling group of alpha; the events still have to lead there. */
export const oneGroup: Edit = both(
  replace(
    '<group id="1"><subject name="alpha"/></group>',
    '<group id="1"><subject name="alpha"/><subject name="beta"/></group>',
  ),
  replace(/ *<partition cpu="0" id="2".*<\/partition>\n/, ''),
  replace(/ *<minorFrame [^>]*partition="beta"[^>]*>\n/, ''),
  replace('schedGroupId="2"', 'schedGroupId="1"'),
  drop('scheduling_info_2'),
  unmap('scheduling_info_2'),
  mapping('scheduling_info_2', 'physical', 'scheduling_info_1'),
);

/** Adds a second CPU with its kernel, and moves partition, frames and subject beta there. */
export const twoCpus: Edit = both(
  replace('cpuCores="1"', 'cpuCores="2"'),
  replace('<cpu apicId="0" cpuId="0"/>', '$&<cpu apicId="2" cpuId="1"/>'),
  ...(
    [
      ['kernel_data_1', 'kernel_binary'],
      ['kernel_bss_1', 'kernel_binary'],
      ['kernel_stack_1', 'kernel'],
      ['kernel_interrupt_stack_1', 'kernel'],
      ['kernel_1|pt', 'system_pt'],
      ['kernel_1|vmxon', 'system_vmxon'],
    ] as const
  ).map(([name, type], index) => addRegion(name, type, index)),
  region('kernel_1|vmxon', 'physicalAddress', '16#9000#'),
  region('kernel_1|pt', 'physicalAddress', '16#0900_0000#'),
  region('kernel_1|pt', 'size', '16#0001_0000#'),
  text => {
    const start = text.indexOf('<cpu id="0">\n');
    const end = text.indexOf('</cpu>', start);
    const lines = text.slice(start, end).split('\n').slice(1, -1);
    const isShared = (line: string): boolean => /physical="(kernel_text|kernel_global_data|crash_audit)"/.test(line);
    const isBeta = (line: string): boolean => /physical="(beta\||scheduling_info_2)/.test(line);
    const isLocal = (line: string): boolean => /physical="kernel_\w+_0"/.test(line);
    const own = lines.filter(line => !isBeta(line));
    const other = lines
      .filter(line => isShared(line) || isBeta(line) || isLocal(line))
      .map(line => line.replace(/physical="(kernel_\w+)_0"/, 'physical="$1_1"'));
    return `${text.slice(0, start)}<cpu id="0">\n${own.join('\n')}\n   </cpu><cpu id="1">\n${other.join('\n')}\n   ${text.slice(end)}`;
  },
  replace('<subject cpu="0" globalId="1" localId="1"', '<subject cpu="1" globalId="1" localId="0"'),
  replace('<partition cpu="0" id="2"', '<partition cpu="1" id="2"'),
  replace(/ *<minorFrame [^>]*partition="beta"[^>]*>\n/, ''),
  replace(
    '   <barriers/>',
    '   <cpu id="1"><minorFrame barrier="none" partition="beta" ticks="10"/></cpu>\n   <barriers/>',
  ),
);

/** Both CPUs end a minor frame after 4 of 10 ticks and wait there at barrier 1. */
export const oneBarrier: Edit = both(
  twoCpus,
  replace(
    '<minorFrame barrier="none" partition="alpha" ticks="10"/>',
    '<minorFrame barrier="1" partition="alpha" ticks="4"/><minorFrame barrier="none" partition="alpha" ticks="6"/>',
  ),
  replace(
    '<minorFrame barrier="none" partition="beta" ticks="10"/>',
    '<minorFrame barrier="1" partition="beta" ticks="4"/><minorFrame barrier="none" partition="beta" ticks="6"/>',
  ),
  replace('<barriers/>', '<barriers><barrier id="1" size="2"/></barriers>'),
);
