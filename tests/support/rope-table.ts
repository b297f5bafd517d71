/** [position, pair] (cos, sin) with the usual base of 10,000. */
export function ropeTable(positionCount: number, pairCount: number): Float32Array {
  return Float32Array.from({ length: positionCount * pairCount * 2 }, (_, i) => {
    const angle = Math.floor(i / 2 / pairCount) * 10_000 ** -((Math.floor(i / 2) % pairCount) / pairCount);
    return i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
  });
}
