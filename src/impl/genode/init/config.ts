import type { SourcePosition } from '../../../policy/document.ts';
import type { XmlElement } from '../../../policy/xml.ts';
import type { LabelPattern } from './label.ts';

/**
 * How init reads its configuration: the one of 2015 to early 2017 knows no caps, takes the first target of a service rule
 * as final and denies an ambiguous any-child; that of 26.02 tries targets in order.
 */
export type InitEra = '2016' | '26.02';

/** Where a route rule sends a session. */
export interface RouteTarget {
  readonly at: SourcePosition;
  readonly kind: 'parent' | 'child' | 'any-child';
  /** Name of the child, aliases not resolved; empty for other kinds. */
  readonly child: string;
  /** Replaces the whole label. */
  readonly label: string | undefined;
  /** Replaces the child's name in front of the label. */
  readonly identity: string | undefined;
  /** Replaces the last element of the label. */
  readonly resource: string | undefined;
  /** Is put in front of the last element. */
  readonly prependResource: string | undefined;
}

/** One rule of a route: the sessions that it is for, and its targets in order. */
export interface RouteRule {
  readonly at: SourcePosition;
  /** Name of the service; undefined for `any-service`. */
  readonly service: string | undefined;
  readonly pattern: LabelPattern;
  readonly targets: readonly RouteTarget[];
}

/** A component to start. */
export interface StartNode {
  readonly at: SourcePosition;
  readonly name: string;
  /** ROM module of the program; the name unless a `binary` node says otherwise. */
  readonly binary: string;
  readonly ramBytes: number;
  readonly caps: number;
  /** 0 is the highest, negative numbers are lower. */
  readonly priority: number;
  /** Loaded by the dynamic linker. */
  readonly isDynamic: boolean;
  readonly version: string;
  readonly provides: readonly string[];
  /** Rules of its own `route`, undefined to use the default route. */
  readonly route: readonly RouteRule[] | undefined;
  /** Inline configuration. */
  readonly config: XmlElement | undefined;
  /** ROM module that is its configuration (2016). */
  readonly configRom: string | undefined;
  readonly propagatesExit: boolean;
  /** It is asked for signs of life; restarted after so many that it does not give, 0 for never. */
  readonly heartbeat: { readonly restartAfter: number } | undefined;
}

/** What an init reports about itself and its children. */
export interface StateReport {
  /** Time for which changes are collected. */
  readonly delayMs: number;
  readonly bufferBytes: number;
  readonly ids: boolean;
  readonly requested: boolean;
  readonly provided: boolean;
  readonly sessionArgs: boolean;
  readonly childRam: boolean;
  readonly childCaps: boolean;
  readonly initRam: boolean;
  readonly initCaps: boolean;
}

/** A service that init itself offers to its parent's other children, and who serves it. */
export interface OfferedService {
  readonly at: SourcePosition;
  readonly service: string;
  readonly policies: readonly { readonly pattern: LabelPattern; readonly child: string; readonly at: SourcePosition }[];
  readonly defaultChild: string | undefined;
}

/** Configuration of one init instance. */
export interface InitConfig {
  readonly at: SourcePosition;
  readonly era: InitEra;
  /** Number of priority levels, a power of two; 0 if priorities are off. */
  readonly priorityLevels: number;
  readonly isVerbose: boolean;
  readonly parentProvides: readonly string[];
  readonly defaultRoute: readonly RouteRule[];
  /** Alias to the name of the child that it stands for. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly offers: readonly OfferedService[];
  readonly starts: readonly StartNode[];
  /** Time between two heartbeats, undefined for none. */
  readonly heartbeatMs: number | undefined;
  readonly report: StateReport | undefined;
}
