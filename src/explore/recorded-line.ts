import { type Decoder, integer, literal, object, string } from '../trace/decode.ts';

/** What one line of a recorded trace may tell; docs/trace-format.md describes each. */
export const LINE_EVENTS = [
  'timerExpiry',
  'vmcall',
  'trap',
  'interrupt',
  'interruptWindow',
  'xsetbv',
  'nmi',
  'machineCheck',
  'timedEvent',
  'majorRequest',
  'entry',
] as const;
export type LineEvent = (typeof LINE_EVENTS)[number];

/** How a system ends. */
export const ENDINGS = ['reboot', 'power-off', 'panic'] as const;

/** One line of a recorded trace: what happened on a CPU, and what was seen next there. */
export interface RecordedLine {
  readonly cpu: number;
  /** TSC cycles; what the kernel reads of the clock while it handles the line. */
  readonly tsc: number;
  readonly event: LineEvent;
  /** VMCALL number, basic exit reason, host vector, XCR0, timed event or major frame. */
  readonly number?: number;
  /** `timedEvent`: TSC from which it is due. */
  readonly trigger?: number;
  /** Whether the guest has interrupts enabled at the exit (RFLAGS.IF); 1 if absent. */
  readonly interrupts?: 0 | 1;
  /** Subject that ran, if that was recorded. */
  readonly subject?: string;
  /** Subject that the CPU entered next, if that was recorded. */
  readonly enters?: string;
  /** Vector injected at that entry, -1 for none, if that was recorded. */
  readonly injects?: number;
  /** End of the minor frame that the entered subject is told, as TSC, if that was recorded. */
  readonly frameEnd?: number;
  /** How the system ended by this line. */
  readonly ends?: (typeof ENDINGS)[number];
}

/** First line of a recorded trace. */
export interface TraceHeader {
  readonly format: 'muencheck-events';
  readonly version: 1;
  /** TSC at which the first major frame began; 0 if absent. */
  readonly startTsc?: number;
  /** SHA-256 of the policy in format B, hexadecimal. */
  readonly policy?: string;
}

const TSC = integer(0, Number.MAX_SAFE_INTEGER);

/** Reads the first line; hostile text is refused with a path. */
export const traceHeader = object(
  { format: literal('muencheck-events'), version: literal(1) },
  { startTsc: TSC, policy: string({ pattern: /^[0-9a-f]{64}$/, what: 'a SHA-256 in hexadecimal' }) },
) as Decoder<TraceHeader>;

/** Reads any other line; a field that is not known is refused. */
export const recordedLine = object(
  { cpu: integer(0, 255), tsc: TSC, event: literal(...LINE_EVENTS) },
  {
    number: integer(0, 0xffff_ffff),
    trigger: TSC,
    interrupts: literal(0, 1),
    subject: string({ maxLength: 1000 }),
    enters: string({ maxLength: 1000 }),
    injects: integer(-1, 255),
    frameEnd: TSC,
    ends: literal(...ENDINGS),
  },
) as Decoder<RecordedLine>;
