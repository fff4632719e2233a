import { groupDigits } from '../trace/text.ts';

/** What the status panel of a campaign shows. */
export interface FuzzStatus {
  readonly title: string;
  readonly executions: number;
  readonly total: number;
  readonly perSecond: number;
  readonly kernelSteps: number;
  readonly features: number;
  readonly corpus: number;
  /** Execution that last reached something new, -1 if none did. */
  readonly lastNew: number;
  /** Exits that the policy lets subjects cause, and those of them that were reached. */
  readonly possibleExits: number;
  readonly reachedExits: number;
  readonly findings: readonly string[];
}

const BAR_CELLS = 30;
/** Findings that the panel names. */
const SHOWN_FINDINGS = 4;

/** One line, for streams that are no terminal. */
export const statusLine = (status: FuzzStatus): string =>
  [
    `${groupDigits(status.executions)}/${groupDigits(status.total)} executions (${status.perSecond.toFixed(0)}/s)`,
    `${groupDigits(status.kernelSteps)} exits`,
    `${groupDigits(status.features)} features`,
    `corpus ${status.corpus}`,
    `${status.findings.length} findings`,
  ].join('  ');

/** The panel of a terminal. */
export function panelLines(status: FuzzStatus): readonly string[] {
  const share = status.total === 0 ? 1 : Math.min(1, status.executions / status.total);
  const filled = Math.round(share * BAR_CELLS);
  const last = status.lastNew < 0 ? '' : `  last new at execution ${groupDigits(status.lastNew)}`;
  const more = status.findings.length - SHOWN_FINDINGS;
  return [
    status.title,
    `  [${'#'.repeat(filled)}${'.'.repeat(BAR_CELLS - filled)}] ${Math.floor(100 * share)} %`,
    `  executions  ${groupDigits(status.executions)} of ${groupDigits(status.total)}, ${status.perSecond.toFixed(0)} a second`,
    `  VM exits    ${groupDigits(status.kernelSteps)}, ${status.reachedExits} of ${status.possibleExits} kinds reached`,
    `  coverage    ${groupDigits(status.features)} features, corpus of ${status.corpus}${last}`,
    `  findings    ${status.findings.length === 0 ? 'none' : status.findings.length}`,
    ...status.findings.slice(0, SHOWN_FINDINGS).map(what => `    x  ${what}`),
    ...(more > 0 ? [`    and ${more} more`] : []),
  ];
}
