import { ok } from '../../../units/result.ts';
import { bytesOfNumber } from '../instance/guest.ts';
import { interfaceNamed } from './interfaces.ts';
import { type DataspaceId, returns, type Service, type SessionNumber, withEntry } from './service.ts';

/** Private log memory of the service: {bytes appended u64}, then a ring of lines, each padded with NUL to 8 bytes. */
export interface LogPlace {
  readonly dataspace: DataspaceId;
  readonly sizeBytes: number;
}

export interface LogState {
  readonly labels: ReadonlyMap<SessionNumber, string>;
  /** Bytes appended, padding included. */
  readonly logged: number;
}

const COUNTER_BYTES = 8;

/** What is not printable ASCII could forge lines of others. */
export const printableText = (text: string): string => text.replace(/[^ -~]/g, '.');

/** LOG: appends each text to the log memory as a line `[label] text`; without log memory nothing is kept. */
export function logService(place: LogPlace | undefined): Service<LogState> {
  const ringBytes = (place?.sizeBytes ?? 0) - COUNTER_BYTES;
  return {
    faces: [interfaceNamed('LOG')],
    initial: { labels: new Map(), logged: 0 },
    open: (state, session, { label }) => ok({ ...state, labels: withEntry(state.labels, session, label) }),
    close: (state, session) => ({ ...state, labels: withEntry(state.labels, session, undefined) }),
    call(state, session, _name, [text], env) {
      if (place === undefined) return returns(state);
      let logged = state.logged;
      // A text that ends with a newline is a line; one inside of it begins another line of the same label.
      const lines = String(text).replace(/\n$/, '').split('\n');
      for (const line of lines) {
        const shown = `[${printableText(state.labels.get(session) ?? '')}] ${printableText(line)}\n`;
        const bytes = new Uint8Array(Math.ceil(shown.length / 8) * 8);
        for (let index = 0; index < shown.length; index++) bytes[index] = shown.charCodeAt(index);
        for (let done = 0; done < bytes.length; ) {
          const offset = (logged + done) % ringBytes;
          const piece = bytes.subarray(done, Math.min(bytes.length, done + ringBytes - offset));
          env.write(place.dataspace, COUNTER_BYTES + offset, piece);
          done += piece.length;
        }
        logged += bytes.length;
      }
      env.write(place.dataspace, 0, bytesOfNumber(logged, COUNTER_BYTES));
      return returns({ ...state, logged });
    },
  };
}
