import type { XmlElement } from '../../../policy/xml.ts';
import type { InitEra, StartNode } from './config.ts';
import type { SessionRequest } from './route.ts';

/**
 * What components open that do not exist here: their sessions as their names suggest, beside what every component opens
 * and what its configured file system does. A row holds for the programs of these names, in one era or in all.
 */
export interface StandInRow {
  readonly programs: readonly string[];
  readonly era?: InitEra;
  readonly opens: readonly SessionRequest[];
}

const open = (service: string, label = ''): SessionRequest => ({ service, label });

export const STAND_INS: readonly StandInRow[] = [
  { programs: ['test-timer', 'test-timed_semaphore', 'test-resource_yield', 'ping'], opens: [open('Timer')] },
  { programs: ['dynamic_rom', 'test-dynamic_config_server', 'cpu_sampler', 'top'], opens: [open('Timer')] },
  { programs: ['nic_perf', 'trace_recorder', 'init_monitor', 'event_filter', 'vfs_stress'], opens: [open('Timer')] },
  { programs: ['trace_logger', 'trace_recorder', 'test-trace', 'top'], opens: [open('TRACE')] },
  { programs: ['test-rtc', 'system_rtc'], opens: [open('Rtc'), open('Timer')] },
  { programs: ['test-blk-cli', 'block_tester', 'test-part1', 'test-part2', 'part_blk'], opens: [open('Block')] },
  { programs: ['fs_rom', 'fs_report', 'cached_fs_rom'], opens: [open('File_system')] },
  { programs: ['rom_logger', 'rom_to_file', 'test-report_rom'], opens: [open('ROM', 'data')] },
  { programs: ['test-report_rom', 'test-fs_report', 'window_layouter'], opens: [open('Report', 'state')] },
  { programs: ['nic_loopback', 'test-nic_loopback', 'nic_perf', 'ping'], opens: [open('Nic')] },
  { programs: ['log_terminal'], opens: [open('LOG', 'terminal')] },
  { programs: ['terminal'], era: '2016', opens: [open('Framebuffer'), open('Input')] },
  { programs: ['terminal', 'decorator', 'touch_keyboard', 'window_layouter'], era: '26.02', opens: [open('Gui')] },
  { programs: ['noux'], opens: [open('Terminal')] },
  { programs: ['uart_drv'], opens: [open('IO_MEM', 'uart'), open('IRQ', 'uart')] },
  { programs: ['platform_drv', 'acpi_drv', 'pci_decode'], opens: [open('IO_MEM', 'pci')] },
  { programs: ['usb_drv', 'usb_hid_drv', 'ps2_drv', 'fb_drv', 'fb_boot_drv'], era: '26.02', opens: [open('Timer')] },
  { programs: ['event_filter', 'touch_keyboard', 'usb_hid_drv'], opens: [open('Event')] },
  { programs: ['vmm'], opens: [open('VM'), open('Terminal')] },
  { programs: ['virtualbox5-nova', 'virtualbox5'], opens: [open('Timer'), open('Gui'), open('Nic')] },
  { programs: ['hello_client'], opens: [open('Hello')] },
  { programs: ['test-rm_nested', 'test-sub_rm', 'test-rm_fault'], opens: [open('RM')] },
];

/** Service that each file of a component's virtual file system opens. */
const VFS_SESSIONS: Readonly<Record<string, string>> = {
  log: 'LOG',
  terminal: 'Terminal',
  rtc: 'Rtc',
  fs: 'File_system',
  block: 'Block',
  rom: 'ROM',
  tar: 'ROM',
  lxip: 'Nic',
  lwip: 'Nic',
  tap: 'Nic',
};

/**
 * Sessions of every component: its environment, its program and its configuration (Genode `Env`). Old init opened
 * those for the PD, the CPU, the RAM and the program by itself, without any route.
 */
function environmentSessions(start: StartNode, era: InitEra): SessionRequest[] {
  if (era === '2016') return [open('LOG'), open('ROM', start.configRom ?? 'config')];
  const linker = start.isDynamic ? [open('ROM', 'ld.lib.so')] : [];
  return [open('PD'), open('CPU'), open('LOG'), open('ROM', start.binary), ...linker, open('ROM', 'config')];
}

/** Every session that a component would request, each once, its environment first. */
export function sessionsOf(start: StartNode, era: InitEra): SessionRequest[] {
  const byName = STAND_INS.filter(row => row.programs.includes(start.binary) && (row.era ?? era) === era);
  const wanted = [
    ...environmentSessions(start, era),
    ...byName.flatMap(row => row.opens),
    ...vfsSessions(start.config),
  ];
  const seen = new Set<string>();
  return wanted.filter(request => {
    const key = JSON.stringify([request.service, request.label]);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function vfsSessions(config: XmlElement | undefined): SessionRequest[] {
  const vfs = config?.children.find(child => child.name === 'vfs');
  if (vfs === undefined) return [];
  const found: SessionRequest[] = [];
  const visit = (node: XmlElement): void => {
    const service = VFS_SESSIONS[node.name];
    if (service !== undefined) found.push(open(service, vfsLabel(node)));
    for (const child of node.children) visit(child);
  };
  for (const child of vfs.children) visit(child);
  return found;
}

/** Label of the session of a file: its label, for a ROM its name. */
function vfsLabel({ name, attributes }: XmlElement): string {
  if (attributes.label !== undefined) return attributes.label;
  return name === 'rom' || name === 'tar' ? (attributes.name ?? '') : '';
}
