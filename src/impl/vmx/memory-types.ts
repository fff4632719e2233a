/** True if a byte of IA32_PAT is no memory type: 0 (UC), 1 (WC), 4 (WT), 5 (WP), 6 (WB), 7 (UC-) (SDM Vol. 3A, "IA32_PAT MSR"). */
export function isBadPat(low: number, high: number): boolean {
  const anyReserved = low | high;
  if ((anyReserved & 0xf8f8_f8f8) !== 0) return true;
  // 2 and 3 are the types with bit 1 set and bit 2 clear.
  return ((low & 0x0202_0202 & ~(low >>> 1)) | (high & 0x0202_0202 & ~(high >>> 1))) !== 0;
}
