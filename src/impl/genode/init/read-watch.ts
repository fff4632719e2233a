import type { XmlElement } from '../../../policy/xml.ts';
import type { StartNode, StateReport } from './config.ts';
import { isYes, readCount, readSize } from './values.ts';

/** Largest time that a configuration names, in milliseconds. */
const MAX_MS = 2 ** 31;
const MAX_REPORT_BYTES = 0x10_0000;

const countOf = (text: string | undefined, fallback: number, max: number): number =>
  Math.min(readCount(text ?? '') ?? fallback, max);

/** Milliseconds between two heartbeats (`<heartbeat rate_ms>`), undefined without such a node. */
export const readHeartbeat = (node: XmlElement | undefined): number | undefined =>
  node === undefined ? undefined : Math.max(1, countOf(node.attributes.rate_ms, 1000, MAX_MS));

/** Heartbeat of a start node. */
export const readChildHeartbeat = (node: XmlElement | undefined): StartNode['heartbeat'] =>
  node === undefined ? undefined : { restartAfter: countOf(node.attributes.restart_after_skipped, 0, MAX_MS) };

/** What is to be reported (`<report>`), undefined without such a node. */
export function readReport(node: XmlElement | undefined): StateReport | undefined {
  if (node === undefined) return undefined;
  const given = node.attributes;
  return {
    delayMs: countOf(given.delay_ms, 100, MAX_MS),
    bufferBytes: Math.min(Math.max(1, readSize(given.buffer ?? '') ?? 0x1000), MAX_REPORT_BYTES),
    ids: isYes(given.ids),
    requested: isYes(given.requested),
    provided: isYes(given.provided),
    sessionArgs: isYes(given.session_args),
    childRam: isYes(given.child_ram),
    childCaps: isYes(given.child_caps),
    initRam: isYes(given.init_ram),
    initCaps: isYes(given.init_caps),
  };
}
