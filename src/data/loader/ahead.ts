/**
 * Batches in order, of which some are requested in advance.
 * @param start index of the first batch
 * @param end index after the last one
 * @param ahead number of batches to request in advance; 0 requests each on demand
 */
export async function* requestedAhead<R, B>(
  { start, end, ahead }: { start: number; end: number; ahead: number },
  request: (index: number) => R,
  result: (requested: R) => Promise<B>,
): AsyncGenerator<B, void, void> {
  const ready: R[] = [];
  let next = start;
  for (let index = start; index < end; index++) {
    while (next < end && ready.length < Math.max(1, ahead)) ready.push(request(next++));
    const batch = await result(ready.shift()!);
    if (ahead > 0 && next < end) ready.push(request(next++));
    yield batch;
  }
}
