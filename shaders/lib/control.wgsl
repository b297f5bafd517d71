// The control block that every kernel binds. Same layout as src/core/control.ts.
struct Control {
  halted: u32,       // 0 run, 1 an expert is missing, 2 a stop token was sampled
  step: u32,         // index of the token being generated
  position: u32,     // context position of the first token of this batch
  token_count: u32,  // tokens in this batch
  layer: u32,        // the layer that halted
  reserved_0: u32,
  reserved_1: u32,
  reserved_2: u32,
}
