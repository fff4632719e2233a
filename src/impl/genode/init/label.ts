/** What separates the elements of a session label. */
export const LABEL_SEPARATOR = ' -> ';
/** Longest label with its terminating NUL, in bytes (Genode `Session_label::Size`). */
export const LABEL_BYTES = 160;

/** Label of a session as the parent of `child` sees it; a session without a label carries the child's name alone. */
export const prefixedLabel = (child: string, label: string): string =>
  label === '' ? child : `${child}${LABEL_SEPARATOR}${label}`;

/** Last element of a label, as ROM modules are named by it. */
export function lastElement(label: string): string {
  const place = label.lastIndexOf(LABEL_SEPARATOR);
  return place < 0 ? label : label.slice(place + LABEL_SEPARATOR.length);
}

/** The label below `child`, or undefined if it does not start with `child -> `: only a scoped label can be matched. */
export function scopedLabel(child: string, label: string): string | undefined {
  const prefix = `${child}${LABEL_SEPARATOR}`;
  return label.startsWith(prefix) ? label.slice(prefix.length) : undefined;
}

/** Label attributes of a route rule or of a policy node; an absent one asks for nothing. */
export interface LabelPattern {
  readonly label: string | undefined;
  readonly labelPrefix: string | undefined;
  readonly labelSuffix: string | undefined;
  readonly labelLast: string | undefined;
  /** The whole label with the child's name; the other attributes then do not count. */
  readonly unscopedLabel: string | undefined;
}

export const ANY_LABEL: LabelPattern = {
  label: undefined,
  labelPrefix: undefined,
  labelSuffix: undefined,
  labelLast: undefined,
  unscopedLabel: undefined,
};

/** True if a label fulfils `label`, `label_prefix` and `label_suffix`. */
export function matchesParts(pattern: LabelPattern, label: string): boolean {
  return (
    (pattern.label === undefined || pattern.label === label) &&
    (pattern.labelPrefix === undefined || label.startsWith(pattern.labelPrefix)) &&
    (pattern.labelSuffix === undefined || label.endsWith(pattern.labelSuffix))
  );
}

const hasParts = ({ label, labelPrefix, labelSuffix }: LabelPattern): boolean =>
  label !== undefined || labelPrefix !== undefined || labelSuffix !== undefined;

/** True if the label of a session of `child`, child's name included, matches a route rule (Genode `service_node_matches`). */
export function matchesRoute(pattern: LabelPattern, child: string, label: string): boolean {
  if (pattern.unscopedLabel !== undefined) return pattern.unscopedLabel === label;
  if (pattern.labelLast !== undefined) return pattern.labelLast === lastElement(label);
  if (!hasParts(pattern)) return true;
  const scoped = scopedLabel(child, label);
  return scoped !== undefined && matchesParts(pattern, scoped);
}
