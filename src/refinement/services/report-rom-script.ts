import { type ReportRomState, ROM_SIGH, reportRomService } from '../../impl/genode/services/report-rom.ts';
import type { ServiceOps } from '../../impl/genode/services/service-ops.ts';
import type { ScriptStep } from '../../trace/trace.ts';
import { operand, ScriptLog, type ScriptRunner } from '../script.ts';
import { configElement } from './config-element.ts';
import { ServiceBench } from './service-bench.ts';

const LABELS = ['shape', 'focus'] as const;
const CONFIG = `<config>${LABELS.map(label => `<policy label_suffix="-> ${label}" report="${label}"/>`).join(
  '',
)}</config>`;
const BUFFER_BYTES = 0x1000;
/** Lengths that a client announces, at and around the bounds. */
const LENGTHS: readonly bigint[] = [0n, 1n, 100n, 4095n, 4096n, 4097n, 2n ** 63n, 2n ** 64n - 1n];
const READERS = 3;

export const REPORT_ROM_WITNESSES = ['read', 'refreshed', 'grown', 'emptied', 'clamped', 'told-late'] as const;

/** A report by label as it must be: the bytes at the time of the latest submission. */
interface Reported {
  readonly bytes: readonly number[];
  readonly version: number;
}

interface Reader {
  readonly session: number;
  readonly label: number;
  seen: number;
}

class ReportRomRun {
  readonly bench: ServiceBench<ReportRomState>;
  readonly reported: Reported[] = LABELS.map(() => ({ bytes: [], version: 0 }));
  readonly reporters: number[] = LABELS.map((_, index) => index);
  readonly readers: Reader[] = Array.from({ length: READERS }, (_, index) => ({
    session: 100 + index,
    label: index % LABELS.length,
    seen: 0,
  }));
  #nextSession = 10;
  readonly log = new ScriptLog(REPORT_ROM_WITNESSES);

  constructor(ops: ServiceOps) {
    this.bench = new ServiceBench(reportRomService(configElement(CONFIG), ops));
    for (const [label, session] of this.reporters.entries()) this.bench.open(session, LABELS[label]!, {}, 'Report');
    for (const { session, label } of this.readers) this.bench.open(session, `app -> ${LABELS[label]}`, {}, 'ROM');
  }

  /** The client fills its buffer, submits, and scribbles over it at once. */
  submit(step: ScriptStep): string {
    const label = operand(step, 0, LABELS.length);
    const announced = LENGTHS[operand(step, 1, LENGTHS.length)]!;
    const session = this.reporters[label]!;
    const [dataspace] = this.bench.call(session, 'dataspace') as number[];
    const bytes = new Uint8Array(BUFFER_BYTES).fill(1 + operand(step, 2, 255));
    this.bench.write(dataspace!, 0, bytes);
    this.bench.call(session, 'submit', announced);
    this.bench.write(dataspace!, 0, new Uint8Array(BUFFER_BYTES));
    const length = announced > BigInt(BUFFER_BYTES) ? BUFFER_BYTES : Number(announced);
    this.log.see('clamped', BigInt(length) !== announced);
    this.reported[label] = { bytes: [...bytes.subarray(0, length)], version: this.reported[label]!.version + 1 };
    return '';
  }

  /** The client goes, and another takes its place. */
  replace(step: ScriptStep): string {
    const label = operand(step, 0, LABELS.length);
    this.bench.close(this.reporters[label]!);
    this.reporters[label] = this.#nextSession++;
    this.bench.open(this.reporters[label]!, LABELS[label]!, {}, 'Report');
    const { bytes, version } = this.reported[label]!;
    if (version > 0 && bytes.length > 0) this.reported[label] = { bytes: [], version: version + 1 };
    return '';
  }

  /** A reader asks to be told, as late as it likes. */
  listen(step: ScriptStep): string {
    const { session, label, seen } = this.readers[operand(step, 0, READERS)]!;
    this.bench.signals = this.bench.signals.filter(signal => signal.session !== session);
    this.bench.call(session, 'sigh', 1);
    const isStale = this.reported[label]!.version !== seen;
    this.log.see('told-late', isStale);
    return !isStale || this.#isTold(session) ? '' : 'a reader that asks to be told is not told of a change before';
  }

  #isTold(session: number): boolean {
    return this.bench.signals.some(signal => signal.session === session && signal.opcode === ROM_SIGH);
  }

  fetch(step: ScriptStep): string {
    const reader = this.readers[operand(step, 0, READERS)]!;
    const { session, label } = reader;
    const { bytes, version } = this.reported[label]!;
    if (version !== reader.seen && !this.#isTold(session))
      return `the reader of "${LABELS[label]}" is not told of a change`;
    const [isRefreshed] = this.bench.call(session, 'update') as number[];
    const held = this.#held.get(session);
    const dataspace = isRefreshed === 1 ? held : (this.bench.call(session, 'dataspace') as number[])[0]!;
    this.#held.set(session, dataspace ?? 0);
    this.bench.signals = this.bench.signals.filter(signal => signal.session !== session);
    reader.seen = version;
    this.log.see('refreshed', isRefreshed === 1);
    this.log.see('grown', isRefreshed === 0 && (held ?? 0) > 0);
    return this.#compare(dataspace ?? 0, bytes);
  }

  readonly #held = new Map<number, number>();

  #compare(dataspace: number, bytes: readonly number[]): string {
    this.log.see('emptied', bytes.length === 0);
    if (bytes.length === 0) return dataspace === 0 ? '' : 'a module without a report has content';
    if (dataspace === 0) return 'a reported module has no content';
    this.log.see('read');
    const found = this.bench.memory.get(dataspace) ?? new Uint8Array(0);
    const isSame =
      bytes.every((byte, index) => found[index] === byte) && found.subarray(bytes.length).every(byte => byte === 0);
    return isSame ? '' : 'a reader gets other bytes than were reported last';
  }
}

/** Runs report_rom with two reports and three readers beside the bytes that were reported last. */
export const runReportRomScript: ScriptRunner<ServiceOps> = (ops, steps) => {
  const run = new ReportRomRun(ops);
  const { log, bench } = run;
  for (const [index, step] of steps.entries()) {
    log.effective();
    const perform = { submit: run.submit, replace: run.replace, listen: run.listen }[step.operation] ?? run.fetch;
    log.fail(index, perform.call(run, step));
    log.fail(index, bench.outside);
    if (log.hasFailed) break;
  }
  return log.judgement();
};
