import { REPORT_ROM_WITNESSES, runReportRomScript } from '../../src/refinement/services/report-rom-script.ts';
import { scriptProperty } from './script-property.ts';

const DESCRIPTIONS: Readonly<Record<(typeof REPORT_ROM_WITNESSES)[number], string>> = {
  read: 'a reader gets a report',
  refreshed: 'a reader gets it in the dataspace that it holds',
  grown: 'a reader has to ask for another dataspace',
  emptied: 'a reader finds no report',
  clamped: 'a client announces more than its buffer holds',
  'told-late': 'a reader asks to be told after a change',
};

/** Reports that others read as ROM modules. */
export const reportRom = scriptProperty({
  id: 'sessions/report-rom',
  claim:
    'A reader of a ROM module gets the bytes that were reported last, is told of every change, and of nobody else’s memory, whatever length a reporter announces.',
  method: 'comparison with the bytes reported last, hostile lengths',
  premise: 'Let two clients report through report_rom, and three read:',
  operations: { submit: 8, fetch: 8, listen: 2, replace: 2 },
  run: (context, steps) => runReportRomScript(context.seams.genode.service, steps),
  witnesses: REPORT_ROM_WITNESSES.map(id => ({ id, description: DESCRIPTIONS[id] })),
  killedBy: ['report-length-unclamped', 'report-outlives-reporter', 'rom-change-missed'],
});
