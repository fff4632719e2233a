import type { SourcePosition } from '../../../policy/document.ts';
import { type Finding, findingAt, type Severity } from '../../../policy/finding.ts';
import type { XmlElement } from '../../../policy/xml.ts';
import { InitCode } from './codes.ts';
import type { InitConfig, InitEra, OfferedService, RouteRule, RouteTarget, StartNode } from './config.ts';
import type { LabelPattern } from './label.ts';
import { readChildHeartbeat, readHeartbeat, readReport } from './read-watch.ts';
import { isNo, isYes, readCount, readSize } from './values.ts';

/** Longest name of a child, terminating NUL included (Genode `Child_policy::Name`). */
const CHILD_NAME_BYTES = 64;
/** Longest name of a service, terminating NUL included. */
const SERVICE_NAME_BYTES = 64;
/** Components that one configuration starts at most. */
const MAX_STARTS = 4096;

/** A configuration and what init has to say about it; only an error keeps init from running it. */
export interface InitReading {
  readonly config: InitConfig;
  readonly findings: readonly Finding[];
}

/** Reads the `config` element of an init instance, with diagnostics as init would print them, but with their places. */
export function readInitConfig(element: XmlElement, era: InitEra = eraOf(element)): InitReading {
  const reader = new ConfigReader(era);
  const config = reader.read(element);
  return { config, findings: reader.findings };
}

/** Tells the era of a configuration: since 17.05 no component starts without caps, before there were none to assign. */
export function eraOf(element: XmlElement): InitEra {
  const assignsCaps = (node: XmlElement): boolean =>
    node.attributes.caps !== undefined || (node.name === 'resource' && node.attributes.name === 'CAP');
  const hasCaps = element.children.some(child => assignsCaps(child) || child.children.some(assignsCaps));
  return hasCaps || element.children.some(child => child.name === 'service') ? '26.02' : '2016';
}

class ConfigReader {
  readonly findings: Finding[] = [];
  readonly #era: InitEra;
  #defaultRamBytes = 0;
  #defaultCaps = 0;
  #priorityLevels = 0;

  constructor(era: InitEra) {
    this.#era = era;
  }

  read(element: XmlElement): InitConfig {
    const named = (name: string): readonly XmlElement[] => element.children.filter(child => child.name === name);
    this.#priorityLevels = this.#readPriorityLevels(element);
    for (const node of named('default')) this.#readDefaults(node);
    const aliases = this.#readAliases(named('alias'));
    const starts = this.#readStarts(named('start'));
    const config: InitConfig = {
      at: element.at,
      era: this.#era,
      priorityLevels: this.#priorityLevels,
      isVerbose: isYes(element.attributes.verbose),
      parentProvides: named('parent-provides').flatMap(node => this.#serviceNames(node)),
      defaultRoute: named('default-route')
        .slice(0, 1)
        .flatMap(node => this.#readRules(node)),
      aliases,
      offers: named('service').map(node => this.#readOffer(node)),
      starts,
      heartbeatMs: readHeartbeat(named('heartbeat')[0]),
      report: readReport(named('report')[0]),
    };
    this.#checkTargets(config);
    return config;
  }

  #report(at: SourcePosition, code: string, severity: Severity, message: string, hint: string): void {
    this.findings.push(findingAt(at, code, severity, message, hint));
  }

  /** The number of levels must be a power of two, else init turns priorities off. */
  #readPriorityLevels(element: XmlElement): number {
    const text = element.attributes.prio_levels;
    if (text === undefined) return 0;
    const levels = readCount(text);
    if (levels !== undefined && levels > 0 && (levels & (levels - 1)) === 0 && levels <= 2 ** 16) return levels;
    const hint = 'Give a power of two up to 65536.';
    this.#report(
      element.at,
      InitCode.priorityLevels,
      'warning',
      `prio_levels="${text}" is no power of two, priorities are disabled`,
      hint,
    );
    return 0;
  }

  #readDefaults(node: XmlElement): void {
    this.#defaultCaps = this.#amount(node, 'caps', 'count') ?? this.#defaultCaps;
    this.#defaultRamBytes = this.#amount(node, 'ram', 'size') ?? this.#defaultRamBytes;
  }

  /** An amount in an attribute, undefined if it is absent or no number. */
  #amount(node: XmlElement, attribute: string, kind: 'size' | 'count'): number | undefined {
    const text = node.attributes[attribute];
    if (text === undefined) return undefined;
    const value = kind === 'size' ? readSize(text) : readCount(text);
    if (value === undefined) {
      const hint = kind === 'size' ? 'Give bytes with an optional suffix K, M or G.' : 'Give a decimal or 0x number.';
      this.#report(node.at, InitCode.amount, 'error', `${attribute}="${text}" of <${node.name}> is no amount`, hint);
    }
    return value;
  }

  #readAliases(nodes: readonly XmlElement[]): Map<string, string> {
    const aliases = new Map<string, string>();
    for (const node of nodes) {
      const { name, child } = node.attributes;
      if (name === undefined || child === undefined) {
        this.#report(node.at, InitCode.missingName, 'warning', 'alias without name or child, ignored', 'Give both.');
      } else if (aliases.has(name)) {
        this.#report(node.at, InitCode.duplicate, 'warning', `alias "${name}" already exists, ignored`, 'Remove one.');
      } else aliases.set(name, child);
    }
    return aliases;
  }

  #readStarts(nodes: readonly XmlElement[]): StartNode[] {
    const starts = new Map<string, StartNode>();
    if (nodes.length > MAX_STARTS)
      this.#report(
        nodes[MAX_STARTS]!.at,
        InitCode.tooMany,
        'error',
        `more than ${MAX_STARTS} start nodes`,
        'Split the system.',
      );
    for (const node of nodes.slice(0, MAX_STARTS)) {
      const { name } = node.attributes;
      if (name === undefined || name === '') {
        this.#report(node.at, InitCode.missingName, 'warning', 'start node without name, ignored', 'Add name="...".');
      } else if (name.length >= CHILD_NAME_BYTES) {
        const hint = `Use less than ${CHILD_NAME_BYTES} characters.`;
        this.#report(node.at, InitCode.tooLong, 'error', `name "${name.slice(0, 20)}..." is too long`, hint);
      } else if (starts.has(name)) {
        this.#report(
          node.at,
          InitCode.duplicate,
          'warning',
          `child "${name}" already exists, ignored`,
          'Rename one of both; binary says which program runs.',
        );
      } else starts.set(name, this.#readStart(node, name));
    }
    return [...starts.values()];
  }

  #readStart(node: XmlElement, name: string): StartNode {
    const first = (child: string): XmlElement | undefined => node.children.find(found => found.name === child);
    const route = first('route');
    const provides = first('provides');
    const start: StartNode = {
      at: node.at,
      name,
      binary: first('binary')?.attributes.name ?? name,
      ramBytes: this.#resource(node, 'RAM', 'ram', 'size') ?? this.#defaultRamBytes,
      caps: this.#resource(node, 'CAP', 'caps', 'count') ?? this.#defaultCaps,
      priority: this.#readPriority(node),
      isDynamic: !isNo(node.attributes.ld),
      version: node.attributes.version ?? '',
      provides: provides === undefined ? [] : this.#serviceNames(provides),
      route: route === undefined ? undefined : this.#readRules(route),
      config: first('config'),
      configRom: this.#era === '2016' ? first('configfile')?.attributes.name : undefined,
      propagatesExit: isYes(first('exit')?.attributes.propagate),
      heartbeat: readChildHeartbeat(first('heartbeat')),
    };
    this.#checkResources(node, start);
    return start;
  }

  /** A child without RAM, or without caps where caps exist, cannot be created. */
  #checkResources(node: XmlElement, { name, ramBytes, caps }: StartNode): void {
    const place = node.at;
    if (ramBytes === 0)
      this.#report(
        place,
        InitCode.noRam,
        'warning',
        `no RAM assigned to child "${name}"`,
        'Add ram="..." or <default ram="..."/>.',
      );
    if (caps === 0 && this.#era === '26.02')
      this.#report(
        place,
        InitCode.noCaps,
        'warning',
        `no caps assigned to child "${name}"`,
        'Add caps="..." or <default caps="..."/>.',
      );
  }

  /** The attribute of the start node, else the quantum of its resource node. */
  #resource(node: XmlElement, name: string, attribute: string, kind: 'size' | 'count'): number | undefined {
    const own = this.#amount(node, attribute, kind);
    if (own !== undefined) return own;
    const resource = node.children.find(child => child.name === 'resource' && child.attributes.name === name);
    return resource === undefined ? undefined : this.#amount(resource, 'quantum', kind);
  }

  /** 0 or below; a priority beyond the lowest level is moved there. */
  #readPriority(node: XmlElement): number {
    const text = node.attributes.priority;
    if (text === undefined) return 0;
    const priority = /^-?\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isNaN(priority) || priority > 0) {
      this.#report(
        node.at,
        InitCode.priority,
        'warning',
        `invalid priority "${text}", 0 is used`,
        'Give 0 or a negative number.',
      );
      return 0;
    }
    if (this.#priorityLevels > 0 && -priority >= this.#priorityLevels) {
      const lowest = this.#priorityLevels - 1;
      const message = `priority ${priority} exceeds the ${this.#priorityLevels} levels, ${-lowest} is used`;
      this.#report(node.at, InitCode.priority, 'warning', message, `Give a number from ${-lowest} to 0.`);
      return -lowest;
    }
    return priority;
  }

  #serviceNames(node: XmlElement): string[] {
    return node.children.filter(child => child.name === 'service').flatMap(child => this.#serviceName(child) ?? []);
  }

  #serviceName(node: XmlElement): string | undefined {
    const { name } = node.attributes;
    if (name !== undefined && name !== '' && name.length < SERVICE_NAME_BYTES) return name;
    this.#report(node.at, InitCode.missingName, 'warning', 'service without a valid name, ignored', 'Add name="...".');
    return undefined;
  }

  #readRules(route: XmlElement): RouteRule[] {
    return route.children.flatMap(node => {
      if (node.name !== 'service' && node.name !== 'any-service') {
        const hint = 'A route consists of service and any-service nodes.';
        this.#report(node.at, InitCode.unknownNode, 'warning', `<${node.name}> in a route is ignored`, hint);
        return [];
      }
      const service = node.name === 'service' ? this.#serviceName(node) : undefined;
      if (node.name === 'service' && service === undefined) return [];
      return [{ at: node.at, service, pattern: this.#pattern(node), targets: this.#readTargets(node) }];
    });
  }

  #pattern({ attributes }: XmlElement): LabelPattern {
    const isOld = this.#era === '2016';
    return {
      label: attributes.label,
      labelPrefix: attributes.label_prefix,
      labelSuffix: attributes.label_suffix,
      labelLast: isOld ? undefined : attributes.label_last,
      unscopedLabel: attributes.unscoped_label,
    };
  }

  #readTargets(rule: XmlElement): RouteTarget[] {
    const targets = rule.children.flatMap((node): RouteTarget[] => {
      const { name: kind, attributes } = node;
      if (kind !== 'parent' && kind !== 'child' && kind !== 'any-child') {
        this.#report(
          node.at,
          InitCode.unknownNode,
          'warning',
          `target <${kind}> is ignored`,
          'Targets are parent, child and any-child.',
        );
        return [];
      }
      if (kind === 'child' && attributes.name === undefined) {
        this.#report(node.at, InitCode.missingName, 'warning', 'child target without name, ignored', 'Add name="...".');
        return [];
      }
      const isOld = this.#era === '2016';
      return [
        {
          at: node.at,
          kind,
          child: kind === 'child' ? attributes.name! : '',
          label: attributes.label,
          identity: isOld ? undefined : attributes.identity,
          resource: isOld ? undefined : attributes.resource,
          prependResource: isOld ? undefined : attributes.prepend_resource,
        },
      ];
    });
    if (targets.length === 0)
      this.#report(
        rule.at,
        InitCode.noTarget,
        'warning',
        `<${rule.name}> has no target`,
        'Add <parent/>, <child name="..."/> or <any-child/>.',
      );
    return targets;
  }

  #readOffer(node: XmlElement): OfferedService {
    const childOf = (policy: XmlElement): string | undefined =>
      policy.children.find(child => child.name === 'child')?.attributes.name;
    const policies = node.children
      .filter(child => child.name === 'policy')
      .map(policy => ({ pattern: this.#pattern(policy), child: childOf(policy) ?? '', at: policy.at }));
    const fallback = node.children.find(child => child.name === 'default-policy');
    return {
      at: node.at,
      service: node.attributes.name ?? '',
      policies,
      defaultChild: fallback === undefined ? undefined : childOf(fallback),
    };
  }

  /** A target that names no child of this init can never be taken. */
  #checkTargets(config: InitConfig): void {
    const names = new Set([...config.starts.map(start => start.name), ...config.aliases.keys()]);
    const rules = [...config.defaultRoute, ...config.starts.flatMap(start => start.route ?? [])];
    for (const target of rules.flatMap(rule => rule.targets)) {
      if (target.kind !== 'child' || names.has(target.child)) continue;
      const message = `route to unknown child "${target.child}"`;
      this.#report(target.at, InitCode.unknownChild, 'warning', message, 'Start it, or correct the name.');
    }
  }
}
