import type { XmlElement } from '../../../policy/xml.ts';
import { ok } from '../../../units/result.ts';
import type { Handle, Program, ProgramRow } from '../instance/component.ts';

/** Attributes of its `<config>`: the text, how often, and how long between two lines. */
interface LogWriterConfig {
  readonly text: string;
  readonly count: number;
  readonly periodMs: number;
  /** Label of the LOG session, besides the component's own name. */
  readonly label: string;
}

interface LogWriterState {
  readonly written: number;
  readonly timer: Handle;
  readonly log: Handle;
  /** Sessions that are open: it starts with both. */
  readonly open: number;
}

const number = (text: string | undefined, fallback: number): number => {
  const value = Number(text);
  return text !== undefined && Number.isInteger(value) && value >= 0 ? value : fallback;
};

function readConfig(config: XmlElement | undefined): LogWriterConfig {
  const { text, count, period_ms, label } = config?.attributes ?? {};
  return { text: text ?? 'line', count: number(count, 0), periodMs: number(period_ms, 1), label: label ?? '' };
}

function program({ text, count, periodMs, label }: LogWriterConfig): Program<LogWriterState> {
  return {
    initial: { written: 0, timer: -1, log: -1, open: 0 },
    vectors: [],
    hasSessionThreads: false,
    handle(state, event, env) {
      if (event.kind === 'start') return { ...state, log: env.open('LOG', label), timer: env.open('Timer', '') };
      if (event.kind === 'denied') {
        env.log(`${event.handle === state.timer ? 'Timer' : 'LOG'} denied: ${event.reason}`);
        return state;
      }
      if (event.kind === 'opened') {
        if (state.open === 1) {
          env.call(state.timer, 'sigh', 1);
          env.call(state.timer, 'trigger_periodic', BigInt(periodMs * 1000));
        }
        return { ...state, open: state.open + 1 };
      }
      const isDue = event.kind === 'signal' && (count === 0 || state.written < count);
      if (!isDue) return state;
      env.call(state.log, 'write', `${text} ${state.written + 1}\n`);
      return { ...state, written: state.written + 1 };
    },
  };
}

/** Writes numbered lines to LOG, one for each timeout of its Timer session. */
export const logWriter: ProgramRow = {
  binary: 'log_writer',
  title: 'Writes numbered lines to LOG, period_ms apart',
  create: config => ok(program(readConfig(config)) as unknown as Program<never>),
};
