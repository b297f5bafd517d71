// How many decode steps to encode beyond the one being read. A step behind one that halts does nothing and is encoded again, so encoding ahead pays only while
// steps mostly go through. The share of steps that halt is a fading mean; depth grows while a whole run of that length is likelier than not to go through.
// Firefox answers a readback on a timer of about 100 ms (bug 1870699): the more steps are in the queue, the less that costs, which is why the limit is not 1.

/** Steps in the queue beyond the one being read. */
export const MAX_STEPS_AHEAD = 3;

const RATE = 1 / 8;

export class StepsAhead {
  #haltShare = 0;

  /** One step is through; did it halt on the way? */
  note(hasHalted: boolean): void {
    this.#haltShare += RATE * ((hasHalted ? 1 : 0) - this.#haltShare);
  }

  get depth(): number {
    let depth = 0;
    while (depth < MAX_STEPS_AHEAD && (1 - this.#haltShare) ** (depth + 1) >= 0.5) depth++;
    return depth;
  }
}
