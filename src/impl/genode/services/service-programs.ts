import type { XmlElement } from '../../../policy/xml.ts';
import { ok, type Result } from '../../../units/result.ts';
import { blockImages, blockService } from './block.ts';
import { dynamicRomService } from './dynamic-rom.ts';
import { fileSystemService } from './file-system.ts';
import { framebufferService } from './framebuffer.ts';
import { guiService } from './gui.ts';
import { inputService } from './input.ts';
import { nicBridgeService } from './nic-bridge.ts';
import { reportRomService } from './report-rom.ts';
import { rtcService } from './rtc.ts';
import type { Service } from './service.ts';
import type { ServiceOps } from './service-ops.ts';
import { terminalService } from './terminal.ts';
import { timerService } from './timer.ts';

/** A program that provides services: what init starts under the name of its binary. */
export interface ServiceProgram {
  readonly binary: string;
  readonly title: string;
  /** Makes the service from the component's `<config>`; the text says what is wrong with it. */
  create(
    config: XmlElement | undefined,
    ops: ServiceOps,
    roms: ReadonlyMap<string, string>,
  ): Result<Service<never>, string>;
  /** ROM modules that it works on, whose contents `create` gets. */
  roms?(config: XmlElement | undefined): readonly string[];
}

/** A row of the table. */
function row<State>(
  binary: string,
  title: string,
  create: (
    config: XmlElement | undefined,
    ops: ServiceOps,
    roms: ReadonlyMap<string, string>,
  ) => Result<Service<State>, string>,
  roms?: ServiceProgram['roms'],
): ServiceProgram {
  return {
    binary,
    title,
    create: (config, ops, contents) => create(config, ops, contents) as unknown as Result<Service<never>, string>,
    ...(roms === undefined ? {} : { roms }),
  };
}

/** Programs that provide services, by binary; LOG, ROM and those for hardware are core's own. */
export const SERVICE_PROGRAMS: readonly ServiceProgram[] = [
  row('timer', 'Timeouts by the timed event of the subject', () => ok(timerService)),
  row('dynamic_rom', 'ROM modules whose content changes with time', dynamicRomService),
  row('report_rom', 'ROM modules that are the reports of other clients', (config, ops) =>
    ok(reportRomService(config, ops)),
  ),
  row('system_rtc', 'Date and time that go on from those of its configuration', rtcService),
  row('terminal_crosslink', 'Two terminals, what one writes the other reads', (_config, ops) =>
    ok(terminalService(ops)),
  ),
  row('input_script', 'Input events that its configuration lists', inputService),
  row('ram_block', 'A disk in RAM, with an image of its configuration or from ROM', blockService, blockImages),
  row('nic_bridge', 'A network of clients and the driver behind it', nicBridgeService),
  row('ram_fb', 'A screen in RAM for one client', framebufferService),
  row('nitpicker', 'Views of several clients on a screen in RAM, and input for them', guiService),
  row('ram_fs', 'Directories, files and symbolic links in RAM', fileSystemService),
];
