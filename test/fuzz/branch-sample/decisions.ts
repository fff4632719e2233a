/** Decisions of every kind that is counted, for a test that knows which ways are taken. */
export function decide(value: number, other?: number): string {
  if (value > 10) return 'large';
  if (value < 0) {
    return 'negative';
  } else if (value === 0) return 'zero';
  const shown = value > 5 ? 'high' : 'low';
  const isOdd = value > 1 && value % 2 === 1;
  const chosen = other ?? value;
  switch (chosen) {
    case 1:
    case 2:
      return 'few';
    case 3:
      return isOdd ? shown : 'even';
    default:
      return 'many';
  }
}
