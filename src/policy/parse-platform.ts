import type { AliasResource, ConfigVariable, Platform } from './document.ts';
import { type AttributeRule, type ChildRule, group, leaf, many, type NodeOf, needs, one, optional } from './grammar.ts';
import { BOOLEAN, NAME, oneOf, TEXT, type ValueType } from './literal.ts';

const INTEGER: ValueType<string> = {
  name: 'an integer',
  parse: text =>
    /^\s*[+-]?[0-9]+\s*$/.test(text)
      ? { ok: true, value: text.trim() }
      : { ok: false, error: { code: 'POL-NUMBER', expects: 'a decimal integer', hint: 'Write decimal digits only.' } },
};

/** Grammar of `/system/config`. */
export const CONFIG = group({
  boolean: many(leaf({ name: needs(NAME), value: needs(BOOLEAN) })),
  integer: many(leaf({ name: needs(NAME), value: needs(INTEGER) })),
  string: many(leaf({ name: needs(NAME), value: needs(TEXT) })),
});

export function toConfig({ children }: NodeOf<typeof CONFIG>): readonly ConfigVariable[] {
  return [
    ...children.boolean.map(({ at, attributes: { name, value } }) => ({
      at,
      kind: 'boolean' as const,
      name,
      value: `${value}`,
    })),
    ...children.integer.map(({ at, attributes }) => ({ at, kind: 'integer' as const, ...attributes })),
    ...children.string.map(({ at, attributes }) => ({ at, kind: 'string' as const, ...attributes })),
  ];
}

/** Alias of a device or a resource; resources nest. */
interface AliasRule {
  readonly attributes: { readonly name: AttributeRule<string, true>; readonly physical: AttributeRule<string, true> };
  readonly children: { readonly resource: ChildRule<AliasRule> };
}
const ALIAS: AliasRule = {
  attributes: { name: needs(NAME), physical: needs(NAME) },
  children: {
    get resource() {
      return many(ALIAS);
    },
  },
};

const PHYSICAL_REFERENCE = leaf({ physical: needs(NAME) });

/** Grammar of `/system/platform` in formats A and B. */
export const PLATFORM = group({
  mappings: one(
    group({
      aliases: one(group({ alias: many(ALIAS) })),
      classes: one(
        group({ class: many({ attributes: { name: needs(NAME) }, children: { device: many(PHYSICAL_REFERENCE) } }) }),
      ),
    }),
  ),
  kernelDiagnostics: one({
    attributes: { type: needs(oneOf('a diagnostics type', ['none', 'uart', 'hsuart', 'vga'])) },
    children: {
      device: optional({
        attributes: { physical: needs(NAME) },
        children: { memory: many(PHYSICAL_REFERENCE), ioPort: many(PHYSICAL_REFERENCE) },
      }),
    },
  }),
});

export function toPlatform({ at, children }: NodeOf<typeof PLATFORM>): Platform {
  const { aliases, classes } = children.mappings[0]!.children;
  const diagnostics = children.kernelDiagnostics[0]!;
  const device = diagnostics.children.device[0];
  return {
    at,
    aliases: aliases[0]!.children.alias.map(toAlias),
    classes: classes[0]!.children.class.map(entry => ({
      at: entry.at,
      name: entry.attributes.name,
      devices: entry.children.device.map(({ at: place, attributes: { physical } }) => ({ at: place, physical })),
    })),
    kernelDiagnostics: {
      at: diagnostics.at,
      type: diagnostics.attributes.type,
      ...(device === undefined ? {} : { device: toDiagnosticsDevice(device) }),
    },
  };
}

type DiagnosticsDevice = NonNullable<NonNullable<Platform['kernelDiagnostics']>['device']>;

function toDiagnosticsDevice({
  at,
  attributes: { physical },
  children,
}: {
  readonly at: DiagnosticsDevice['at'];
  readonly attributes: { readonly physical: string };
  readonly children: Readonly<Record<'memory' | 'ioPort', readonly NodeOf<typeof PHYSICAL_REFERENCE>[]>>;
}): DiagnosticsDevice {
  const named = (nodes: readonly NodeOf<typeof PHYSICAL_REFERENCE>[]) =>
    nodes.map(node => ({ at: node.at, physical: node.attributes.physical }));
  return { at, physical, memory: named(children.memory), ioPorts: named(children.ioPort) };
}

function toAlias({ at, attributes, children }: NodeOf<AliasRule>): AliasResource {
  return { at, name: attributes.name, physical: attributes.physical, resources: children.resource.map(toAlias) };
}
