/**
 * Waits until `check` gives `true`; anything else that it gives says what was seen instead.
 *
 * @throws after `timeoutMilliseconds`, with what was awaited and what was seen last.
 */
export async function until(
  awaited: string,
  timeoutMilliseconds: number,
  check: () => Promise<boolean | string>,
): Promise<void> {
  const deadline = performance.now() + timeoutMilliseconds;
  for (;;) {
    const seen = await check();
    if (seen === true) return;
    if (performance.now() > deadline) {
      const last = seen === false ? "" : `; seen last: ${seen}`;
      throw new Error(`Waited ${timeoutMilliseconds / 1000} s for ${awaited}${last}.`);
    }
    await new Promise((next) => setTimeout(next, 200));
  }
}
