/** Global subject id, 0 .. n-1 in policy order (Muen `globalId`). */
export type SubjectId = number;
/** Logical CPU id, 0 .. n-1. */
export type CpuId = number;
/** Scheduling partition id, 1 .. n in policy order. */
export type PartitionId = number;
/** Scheduling group id, 1 .. n in policy order; 0 means no group. */
export type GroupId = number;
/** Event number of a subject's vmcall or target table, 0 .. 63. */
export type EventNr = number;
/** Interrupt vector, 0 .. 255. */
export type Vector = number;
