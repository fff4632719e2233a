import type { ProgramRow } from '../instance/component.ts';
import { blockReader } from './block-reader.ts';
import { blockTester } from './block-tester.ts';
import { deviceDriver } from './device-driver.ts';
import { fileTester } from './file-tester.ts';
import { guiTester } from './gui-tester.ts';
import { logWriter } from './log-writer.ts';
import { mortal } from './mortal.ts';
import { nicPing } from './nic-ping.ts';
import { pdTester } from './pd-tester.ts';
import { proxyClient } from './proxy-client.ts';
import { proxyServer } from './proxy-server.ts';
import { reportWriter, romReader } from './report-and-rom.ts';
import { framebufferPainter, inputPrinter, rtcReader } from './screen-and-input.ts';
import { terminalTester } from './terminal-tester.ts';
import { threadTester } from './thread-tester.ts';

/** Programs besides those that only serve, by the name of their binary. */
export const PROGRAMS: readonly ProgramRow[] = [
  proxyClient,
  proxyServer,
  logWriter,
  blockTester,
  fileTester,
  reportWriter,
  romReader,
  terminalTester,
  nicPing,
  framebufferPainter,
  inputPrinter,
  rtcReader,
  deviceDriver,
  pdTester,
  mortal,
  guiTester,
  threadTester,
  blockReader,
];
