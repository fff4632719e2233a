/** Classes of exit qualifications: exits of one reason that a kernel or monitor tells apart (SDM Vol. 3C, "Basic VM-Exit Information"). */
export function qualificationClass(reason: number, qualification: number, interruptInfo: number): number {
  switch (reason) {
    case 0:
      // Vector and type.
      return interruptInfo & 0x7ff;
    case 1:
      return (interruptInfo >>> 4) & 0xf;
    case 28:
      // Register and access type.
      return (qualification & 0xf) | (((qualification >>> 4) & 3) << 4);
    case 29:
      return qualification & 0x17;
    case 30:
      // Size, direction, string, REP, immediate.
      return qualification & 0x7f;
    case 48:
      // Access and permissions.
      return qualification & 0x1ff;
    default:
      return 0;
  }
}
