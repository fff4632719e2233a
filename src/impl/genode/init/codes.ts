/** Codes of what is found in an init configuration. */
export const InitCode = {
  priorityLevels: 'INIT-PRIO-LEVELS',
  priority: 'INIT-PRIORITY',
  amount: 'INIT-AMOUNT',
  missingName: 'INIT-NAME-MISSING',
  tooLong: 'INIT-NAME-LENGTH',
  duplicate: 'INIT-DUPLICATE',
  tooMany: 'INIT-TOO-MANY',
  noRam: 'INIT-NO-RAM',
  noCaps: 'INIT-NO-CAPS',
  unknownNode: 'INIT-UNKNOWN-NODE',
  noTarget: 'INIT-NO-TARGET',
  unknownChild: 'INIT-UNKNOWN-CHILD',
  notInit: 'INIT-NO-CONFIG',
} as const;
