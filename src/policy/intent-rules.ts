/** What a mapping or an assignment may be explained by; each explanation names one of these. */
export const EXPLANATION_RULES = {
  'own-region': 'a region named `owner|...` is private to its owner',
  sibling: 'siblings share one address space',
  'loader-mirror': 'a loader maps what its loadee maps, at one offset and never executable',
  'loader-source': 'a loader reads the stored copy of a region that it fills',
  'monitor-read': 'a monitor may read pages of a subject of its scheduling partition',
  'monitor-write': 'a monitor may write pages of a subject of its scheduling group',
  'channel-writer': 'a channel has one writer',
  'channel-reader': 'the readers of a channel map it read-only',
  'scheduling-info': 'a subject reads the scheduling info of its own partition',
  'kernel-interface': 'tau0 writes the page in which it names the next major frame',
  'crash-audit': 'the crash audit page may be read',
  'declared-share': 'an unowned region that several map is a declared share',
  'sole-user': 'an unowned region with one user is that of its user',
  'domain-memory': 'a device domain maps what the subjects of its devices map',
  'domain-peer': 'a device domain maps memory of a subject with which it already shares a buffer',
  'reserved-memory': 'one device domain maps reserved memory at its physical address',
  'sole-device': 'a device assigned to one subject',
  'device-manager': 'a device manager of the same scheduling group maps only the configuration space',
  'kernel-diagnostics': 'the debug console of the kernel is also assigned to a subject',
  claimed: 'the claims file allows it and says why',
} as const;
export type ExplanationRule = keyof typeof EXPLANATION_RULES;

interface FindingRow {
  readonly severity: 'error' | 'warning';
  readonly title: string;
  readonly hint: string;
}

/** Findings of the intent inference: an error is sharing that nothing explains, a warning something to look at. */
export const INTENT_FINDINGS = {
  'INTENT-PRIVATE-REGION': error(
    'private memory of another is mapped',
    'Remove the mapping, or map a channel or a region without owner instead.',
  ),
  'INTENT-UNKNOWN-OWNER': error(
    'the owner in a region name does not exist',
    'Name the region after a subject or a kernel of this policy.',
  ),
  'INTENT-SECOND-WRITER': error(
    'a channel has a second writer',
    'Leave one writer; give the other a channel of its own.',
  ),
  'INTENT-CHANNEL-READER-WRITES': error(
    'the reader of a channel may write it',
    'Make the mapping of the reader read-only.',
  ),
  'INTENT-MONITOR-OUTSIDE-PARTITION': error(
    'a monitor is outside the scheduling partition of the monitored subject',
    'Schedule both in one partition or remove the mapping.',
  ),
  'INTENT-MONITOR-WRITES-OUTSIDE-GROUP': error(
    'a monitor writes outside its scheduling group',
    'Make the mapping read-only or schedule both in one group.',
  ),
  'INTENT-SCHEDULING-INFO-WRITABLE': error('scheduling info is writable', 'Make the mapping read-only.'),
  'INTENT-SCHEDULING-INFO-FOREIGN': error(
    'scheduling info of another partition is mapped',
    'Map the page of the own partition.',
  ),
  'INTENT-CRASH-AUDIT-WRITABLE': error('the crash audit page is writable', 'Make the mapping read-only.'),
  'INTENT-KERNEL-MEMORY': error('memory of the kernel or of the system is mapped', 'Remove the mapping.'),
  'INTENT-RESERVED-MEMORY': error(
    'reserved memory of a device is mapped',
    'Only the domain of that device may map it.',
  ),
  'INTENT-DOMAIN-REGION': error(
    'a device domain maps what none of its subjects maps',
    'Remove the mapping from the domain.',
  ),
  'INTENT-DOMAIN-WRITES': error(
    'a device domain writes what its subjects only read',
    'Make the mapping of the domain read-only.',
  ),
  'INTENT-OVERLAP': error('regions of different users share physical memory', 'Move one of the regions.'),
  'INTENT-DEVICE-SHARED': error('a device is assigned to two subjects', 'Assign the device to one subject.'),
  'INTENT-MULTIFUNCTION-SHARED': error(
    'functions of one PCI device are assigned to different subjects',
    'Assign all functions of the device to one subject.',
  ),
  'INTENT-IO-PORT-SHARED': error('two users may access the same I/O ports', 'Remove the ports from one of them.'),
  'INTENT-MSR-SHARED': error(
    'a platform-wide MSR that one subject writes is accessible to another',
    'Remove the MSR from one of them, or let both only read it.',
  ),
  'INTENT-KERNEL-DEVICE': error(
    'a device of the kernel is assigned to a subject',
    'Remove the device from the subject.',
  ),
  'INTENT-CHANNEL-NO-WRITER': warning('a channel has no writer', 'Make one mapping writable or remove the channel.'),
  'INTENT-CHANNEL-EXECUTABLE': warning('a channel is executable', 'Make the mapping not executable.'),
  'INTENT-LOADER-INCOMPLETE': warning(
    'a loader does not map all that its loadee maps',
    'Map it in the loader too, or remove it from the loadee.',
  ),
  'INTENT-OWN-STATE-WRITABLE': warning(
    'a subject may write its own saved state',
    'Remove the mapping: control registers and masks are kept there.',
  ),
  'INTENT-SHARED-DOMAIN': warning(
    'a subject reaches memory by DMA that it does not map',
    'Give the devices of different subjects different domains.',
  ),
  'INTENT-IOMMU-GROUP': warning(
    'devices of one IOMMU group belong to different subjects',
    'Assign all devices of the group to one subject.',
  ),
} as const satisfies Record<string, FindingRow>;
export type IntentCode = keyof typeof INTENT_FINDINGS;

function error(title: string, hint: string) {
  return { severity: 'error', title, hint } as const;
}

function warning(title: string, hint: string) {
  return { severity: 'warning', title, hint } as const;
}
