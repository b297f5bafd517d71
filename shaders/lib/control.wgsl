// The control block that every kernel binds. Same layout as src/core/control.ts.
struct Control {
  halted: u32,       // 0 run, 1 an expert is missing, 2 a stop token was sampled
  scouting: u32,     // 1 an expert was missing in this step: what runs now is thrown away, only its routes count
  step: u32,         // index of the token being generated
  position: u32,     // context position of the first token of this batch
  token_count: u32,  // tokens in this batch
  layer: u32,        // the layer that missed an expert
  scout_reach: u32,  // layers that a scout goes on past that one, at most
  reserved: u32,
}
